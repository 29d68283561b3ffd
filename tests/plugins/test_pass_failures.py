"""Passes that fail, or leave what is no valid graph or model: one `PluginError`, and never a wrong result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from torch.fx import Node

from nnapi_core.conversion.convert import convert
from nnapi_core.errors import PluginError
from nnapi_core.nnapi.model import Model, Operand
from nnapi_core.plugin import Phase, ops
from nnapi_core.plugins.registry import Registry
from tests.core.conversion.random_graphs import Drawing, drawings
from tests.plugins.failing_plugins import ERRORS, TwoSteps, passing, raises, refused

aten = torch.ops.aten


@pytest.mark.parametrize("error", ERRORS, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("phase", Phase)
def test_a_pass_that_raises(phase: Phase, error: BaseException) -> None:
    refused(passing(phase, raises(error)), "rewrite", phase.value, type(error).__name__, "oops")


@pytest.mark.parametrize("given_back", [5, "text", [], False, TwoSteps()], ids=repr)
def test_a_graph_pass_that_returns_something(given_back: Any) -> None:
    refused(passing(Phase.GRAPH, lambda program: given_back), "rewrite", "returns None")


@pytest.mark.parametrize("given_back", [None, 5, [], TwoSteps()], ids=repr)
def test_a_model_pass_that_returns_no_model(given_back: Any) -> None:
    refused(passing(Phase.MODEL, lambda model: given_back), "rewrite", "not a Model")


def first_call(program: Any) -> Node:
    return next(node for node in program.graph.nodes if node.op == "call_function")


def without_a_value(program: Any) -> None:
    node = first_call(program)
    with program.graph.inserting_after(node):
        new = program.graph.call_function(aten.neg.default, (node,))
    node.replace_all_uses_with(new, lambda user: user is not new)


def of_python(program: Any) -> None:
    without_a_value(program)
    for node in program.graph.nodes:
        if node.target is aten.neg.default:
            node.target = torch.neg
            node.meta["val"] = node.args[0].meta["val"]


def of_a_method(program: Any) -> None:
    node = first_call(program)
    with program.graph.inserting_after(node):
        program.graph.call_method("neg", (node,))


def of_another_shape(program: Any) -> None:
    node = first_call(program)
    with program.graph.inserting_after(node):
        new = program.graph.call_function(aten.view.default, (node, [1, 3]))
    new.meta["val"] = node.meta["val"].view(1, 3)
    (output,) = program.graph.find_nodes(op="output")
    output.args = ((new,),)


def without_an_input(program: Any) -> None:
    program.inputs.clear()


def another_graph(program: Any) -> None:
    program.graph = torch.fx.Graph()


def read_before_it_is_made(program: Any) -> None:
    calls = [node for node in program.graph.nodes if node.op == "call_function"]
    calls[0].append(calls[-1])


@pytest.mark.parametrize(
    "function",
    [
        without_a_value,
        of_python,
        of_a_method,
        of_another_shape,
        without_an_input,
        another_graph,
        read_before_it_is_made,
    ],
)
def test_a_graph_pass_that_leaves_no_valid_graph(function: Callable[[Any], None]) -> None:
    class ThreeSteps(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.tanh(torch.relu(x + 1) * 2)

    refused(passing(Phase.GRAPH, function), "rewrite", module=ThreeSteps())


def test_a_graph_pass_may_change_the_graph() -> None:
    def halve(program: Any) -> None:
        node = first_call(program)
        with program.graph.inserting_after(node):
            new = program.graph.call_function(aten.div.Scalar, (node, 2.0))
        new.meta["val"] = node.meta["val"]
        node.replace_all_uses_with(new, lambda user: user is not new)

    registry = Registry.collect(extra=[passing(Phase.GRAPH, halve)])
    x = torch.tensor([1.0, 2.0, 3.0])
    assert torch.equal(convert(TwoSteps(), (x,), registry=registry)(x), x + 1)


MODEL_CHANGES: dict[str, Callable[[Model], Model]] = {
    "an operation twice": lambda model: evolve(model, operations=model.operations * 2),
    "operations backwards": lambda model: evolve(model, operations=model.operations[::-1]),
    "no operation": lambda model: evolve(model, operations=()),
    "no output": lambda model: evolve(model, outputs=()),
    "outputs twice": lambda model: evolve(model, outputs=model.outputs * 2),
    "the input as output": lambda model: evolve(model, outputs=model.inputs),
    "no input": lambda model: evolve(model, inputs=()),
    "an operand too few": lambda model: evolve(model, operands=model.operands[:-1]),
    "operands in a list": lambda model: evolve(model, operands=[*model.operands]),
    "an operand of none": lambda model: evolve(model, operands=(None, *model.operands[1:])),
    "an operation of none": lambda model: evolve(model, operations=(None,)),
    "numbers as texts": lambda model: evolve(model, inputs=("0",)),
    "a number below 0": lambda model: evolve(model, outputs=(-1,)),
    "another operation": lambda model: with_operation(model, spec=ops.CONV_2D),
    "a newer operation": lambda model: with_operation(model, spec=ops.HARD_SWISH, inputs=model.inputs),
    "fewer operands": lambda model: with_operation(model, inputs=model.inputs),
    "more results": lambda model: with_operation(model, outputs=model.outputs * 2),
    "another type": lambda model: evolve(
        model,
        operands=tuple(
            evolve(one, type=evolve(one.type, dims=(4,))) if one.is_variable else one
            for one in model.operands
        ),
    ),
    "a constant of another type": lambda model: evolve(
        model,
        operands=tuple(
            evolve(one, type=evolve(one.type, dims=(4, 4))) if one.constant else one
            for one in model.operands
        ),
    ),
}  # fmt: skip


def with_operation(model: Model, **changes: Any) -> Model:
    *others, last = model.operations
    return evolve(model, operations=(*others, evolve(last, **changes)))


@pytest.mark.parametrize("change", MODEL_CHANGES)
def test_a_model_pass_that_makes_no_valid_model(change: str) -> None:
    refused(passing(Phase.MODEL, MODEL_CHANGES[change]), "rewrite", "not valid")


def test_a_model_pass_may_rewrite() -> None:
    def rebuilt(model: Model) -> Model:
        # A level that a pass says wrongly is said again.
        operations = tuple(evolve(one, level=31) for one in model.operations)
        return evolve(model, operations=operations).pruned()

    registry = Registry.collect(extra=[passing(Phase.MODEL, rebuilt)])
    x = torch.tensor([-3.0, 2.0, 3.0])
    converted = convert(TwoSteps(), (x,), registry=registry)
    assert torch.equal(converted(x), TwoSteps()(x))
    assert converted.report.feature_level == 27


def copied(model: Model) -> Model:
    return evolve(model, operands=tuple(Operand(**_fields(one)) for one in model.operands))


def _fields(one: Operand) -> dict[str, Any]:
    submodel = None if one.submodel is None else copied(one.submodel)
    return {
        "type": one.type,
        "constant": one.constant,
        "submodel": submodel,
        "omitted": one.omitted,
    }


@given(drawings(), st.sampled_from((29, 27, 30, 1000006)))
def test_what_a_conversion_makes_is_valid(drawing: Drawing, level: int) -> None:
    registry = Registry.collect(extra=[passing(Phase.MODEL, copied)])
    convert(drawing.module, drawing.args, feature_level=level, registry=registry)


def test_a_submodel_is_checked() -> None:
    class Branches(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cond(x.sum() > 0, lambda x: x * 2, lambda x: x - 1, (x,))

    def change(model: Model) -> Model:
        def broken(operand: Operand) -> Operand:
            if operand.submodel is None:
                return operand
            return evolve(operand, submodel=evolve(operand.submodel, outputs=(999,)))

        return evolve(model, operands=tuple(map(broken, model.operands)))

    for function, fails in ((copied, False), (change, True)):
        registry = Registry.collect(extra=[passing(Phase.MODEL, function)])
        if not fails:
            found = convert(Branches(), (torch.ones(3),), feature_level=30, registry=registry)
            assert "IF" in found.report.operations
            continue
        with pytest.raises(PluginError, match=r"acme.*submodel"):
            convert(Branches(), (torch.ones(3),), feature_level=30, registry=registry)
