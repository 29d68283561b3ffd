"""The front end: functional graphs, selective decomposition, folding."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from nnapi_core.conversion.convert import convert
from nnapi_core.conversion.run_steps import prepare
from nnapi_core.errors import ConversionError
from nnapi_core.graph.export.export_module import export
from nnapi_core.graph.program import Program, source_of
from nnapi_core.plugins.registry import Registry

aten = torch.ops.aten


def prepared(module: nn.Module, *args: torch.Tensor) -> Program:
    return prepare(export(module.eval(), args), Registry.collect())


def targets(program: Program) -> list[object]:
    return [node.target for node in program.operations()]


class InPlace(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        y += x
        y.relu_()
        return y


class ThroughView(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        y[:, 0] = 5.0
        y[:, 1:].relu_()
        return y + 1


class CutThenChanged(nn.Module):
    """As GhostNet does it: nobody reads the whole again."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.cat([x, x * 2])[:3]
        y += 1
        return y.relu_()


class ChangedUnderAView(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        view = y.view(-1)
        y += 1
        return view + 1


def evaluated(program: Program, *args: torch.Tensor) -> torch.Tensor:
    """Runs the prepared graph itself."""
    environment = dict(zip(program.inputs, args, strict=True))
    environment.update({node: held.load() for node, held in program.constants.items()})
    for node in program.graph.nodes:
        if node.op == "call_function" and node not in environment:
            take = torch.fx.node.map_arg
            environment[node] = node.target(
                *take(node.args, environment.__getitem__),
                **take(node.kwargs, environment.__getitem__),
            )
    return environment[program.results[0]]


@pytest.mark.parametrize(
    "module", [InPlace(), ThroughView(), CutThenChanged(), ChangedUnderAView()]
)
def test_mutation_becomes_functional(module: nn.Module) -> None:
    x = torch.randn(2, 3)
    program = prepared(module, x)
    assert not any(target._schema.is_mutable for target in targets(program))  # type: ignore[attr-defined]
    assert torch.equal(evaluated(program, x.clone()), module(x.clone()))


def test_what_a_lowering_claims_stays_whole() -> None:
    program = prepared(nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()), torch.randn(1, 3, 2, 2))
    assert targets(program) == [aten.conv2d.default, aten.relu.default]


def test_what_nobody_claims_is_split() -> None:
    class Unclaimed(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.pairwise_distance(x, x + 1)

    x = torch.randn(2, 3)
    program = prepared(Unclaimed(), x)
    assert aten.pairwise_distance.default not in targets(program)
    torch.testing.assert_close(evaluated(program, x), Unclaimed()(x))


def test_batch_norm_folds_into_the_convolution() -> None:
    module = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU()).eval()
    for name, value in module[1].named_parameters():
        nn.init.uniform_(value, 0.5, 1.5)
        assert name
    module[1].running_mean.uniform_(-1, 1)
    module[1].running_var.uniform_(0.5, 2)
    x = torch.randn(1, 3, 5, 5)
    program = prepared(module, x)
    assert targets(program) == [aten.conv2d.default, aten.relu.default]
    with torch.no_grad():
        torch.testing.assert_close(evaluated(program, x), module(x), rtol=1e-4, atol=1e-5)


def test_a_convolution_that_is_read_twice_keeps_its_batch_norm_apart() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.conv(x)
            return self.norm(y) + y

    module, x = Twice().eval(), torch.randn(1, 3, 4, 4)
    torch.testing.assert_close(convert(module, (x,))(x), module(x), rtol=1e-4, atol=1e-5)


def test_constants_fold_without_being_computed() -> None:
    class Position(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + torch.arange(3.0).reshape(1, 3) * 2

    program = prepared(Position(), torch.randn(2, 3))
    assert targets(program) == [aten.add.Tensor]
    folded = [held for node, held in program.constants.items() if node.op == "call_function"]
    assert torch.equal(folded[-1].load(), torch.tensor([[0.0, 2.0, 4.0]]))


def test_the_source_line_is_the_users() -> None:
    program = prepared(nn.Sequential(nn.ReLU()), torch.randn(2))
    (node,) = program.operations()
    assert "activation.py" in source_of(node)
    (node,) = prepared(InPlace(), torch.randn(2, 3)).operations()[:1]
    assert Path(__file__).name in source_of(node)


def test_the_exported_program_is_not_changed() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU(inplace=True)).eval()
    exported = export(module, (torch.randn(1, 3, 2, 2),))
    before = str(exported.graph)
    prepare(exported, Registry.collect())
    assert str(exported.graph) == before


def test_what_cannot_be_exported_says_so() -> None:
    class Branches(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + 1 if x.sum() > 0 else x - 1

    with pytest.raises(ConversionError, match=r"torch\.export cannot trace Branches"):
        convert(Branches(), (torch.randn(1),))


def test_regions_without_gradients_are_part_of_the_graph() -> None:
    class Regions(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with torch.no_grad(), torch.autocast("cpu", enabled=False):
                y = x * 2
                y += 1
            return y - x

    x = torch.randn(2, 3)
    with torch.enable_grad():
        exported = torch.export.export(Regions(), (x,), strict=False)
    assert exported.graph.find_nodes(
        op="call_function", target=torch.ops.higher_order.wrap_with_set_grad_enabled
    )
    program = prepare(exported, Registry.collect())
    assert targets(program) == [aten.mul.Tensor, aten.add.Tensor, aten.sub.Tensor]
    assert torch.equal(evaluated(program, x), Regions()(x))


def test_a_region_that_rounds_stays_on_the_cpu() -> None:
    class Rounds(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                y = x @ x
            return y.float() + 1

    x = torch.randn(8, 8)
    converted = convert(Rounds(), (x,))
    assert "cpu" in {row.device for row in converted.report.nodes}
    assert torch.equal(converted(x), Rounds()(x))
