"""``verify`` names the node that is to blame when a conversion differs from torch."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from torch import nn

from nnapi_core.cli import main
from nnapi_core.conversion.convert import convert
from nnapi_core.conversion.converted import Converted
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.model import Model
from nnapi_core.plugin import Context, Layout, Pass, Phase, Value, hookimpl, lowering, ops
from nnapi_core.plugins.registry import Registry
from nnapi_core.verification.verify import Verification, verify

aten = torch.ops.aten
HERE = Path(__file__).name


@lowering(aten.hardtanh.default, layout=Layout.ANY, overrides=True)
def wrong_hardtanh(nn: Context, self: Value, min_val: float = -1, max_val: float = 1) -> Value:
    """hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor"""
    return nn.emit(ops.RELU1, input=self) if min_val == -1 else nn.emit(ops.RELU6, input=self)


@lowering(aten.tanh.default, layout=Layout.ANY, overrides=True)
def wrong_tanh(nn: Context, self: Value) -> Value:
    """tanh(Tensor self) -> Tensor"""
    return nn.emit(ops.TANH, input=nn.emit(ops.MUL, a=self, b=nn.filled(self, 1.5)))


def plugin(*, lowerings: Any = (), passes: Any = ()) -> Registry:
    module = ModuleType("wrong_plugin")

    @hookimpl
    def nnapi_lowerings() -> Any:
        return [one.__nnapi_lowering__ for one in lowerings]

    @hookimpl
    def nnapi_passes() -> Any:
        return list(passes)

    module.nnapi_lowerings, module.nnapi_passes = nnapi_lowerings, nnapi_passes  # type: ignore[attr-defined]
    return Registry.collect(extra=[module])


def line_of(text: str) -> str:
    """Where this file has ``text`` first."""
    lines = Path(__file__).read_text().splitlines()
    return f"{HERE}:{min(number for number, line in enumerate(lines, 1) if text in line)}"


class Deep(nn.Module):
    """Thirty layers, one of which is the one with a tanh."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList(nn.Linear(16, 16) for _ in range(30))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for index, layer in enumerate(self.layers):
            y = layer(x)
            y = torch.tanh(y * 2) if index == 13 else torch.relu(y)  # the culprit
            x = x * 0.9 + y
        return torch.special.i0(torch.sigmoid(x)).sum(-1) + x.mean(-1)


class Fused(nn.Module):
    """Convolutions with activations that the optimiser fuses into them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convs = nn.ModuleList(nn.Conv2d(4, 4, 3, padding=1) for _ in range(6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for index, conv in enumerate(self.convs):
            y = conv(x) * 3
            if index == 3:
                x = nn.functional.hardtanh(conv(x) * 3 + x, -2, 2)  # clamped wrongly
            else:
                x = torch.relu(y + x)
        return x


def checked(
    module: nn.Module, x: torch.Tensor, registry: Registry
) -> tuple[Converted, Verification]:
    converted = convert(module.eval(), (x,), registry=registry)
    with torch.no_grad():
        return converted, verify(converted, (x,), module(x))


def test_a_wrong_lowering_in_a_deep_model() -> None:
    _, result = checked(Deep(), torch.randn(3, 16), plugin(lowerings=[wrong_tanh]))
    assert not result.passed
    assert result.culprit is not None
    assert result.culprit.target == "aten.tanh.default"
    assert line_of("# the culprit") in result.culprit.source
    assert "torch makes something else" in result.culprit.why
    own = {one.name: one.own for one in result.nodes}
    assert max(own, key=lambda name: own[name]) == result.culprit.name


def test_a_wrong_lowering_that_is_fused() -> None:
    registry = plugin(lowerings=[wrong_hardtanh])
    converted, result = checked(Fused(), torch.randn(1, 4, 8, 8), registry)
    assert "RELU6" not in converted.report.operations, "it should be fused"
    assert result.culprit is not None
    assert result.culprit.target == "aten.hardtanh.default"
    assert line_of("# clamped wrongly") in result.culprit.source


def fused_wrongly(model: Model) -> Model:
    """Where an addition has taken up an activation, it forgets the sign of a constant factor before it."""
    fused = [one for one in model.operations if one.spec.name == "ADD"]
    if len(fused) < 3:
        return model
    operands = list(model.operands)
    (slot,) = fused[2].inputs[2:3]
    two = Constant.of(np.int32(0 if int(operands[slot].constant.array()) else 1))  # type: ignore[union-attr]
    operands.append(evolve(operands[slot], constant=two))
    changed = evolve(fused[2], inputs=(*fused[2].inputs[:2], len(operands) - 1))
    operations = tuple(changed if one is fused[2] else one for one in model.operations)
    return evolve(model, operands=tuple(operands), operations=operations)


def test_a_wrong_pass_is_found_by_bisection() -> None:
    registry = plugin(passes=[Pass("wrong", Phase.MODEL, fused_wrongly)])
    _, result = checked(Fused(), torch.randn(1, 4, 8, 8), registry)
    assert not result.passed
    assert all(one.relative <= result.limit for one in result.nodes)
    assert result.culprit is not None
    assert "optimised" in result.culprit.why
    # With the third sum the pass begins to act.
    sums = [one.name for one in result.nodes if one.target == "aten.add.Tensor"]
    assert result.culprit.name == sums[2]


def test_right_conversions_have_errors_by_node_on_request() -> None:
    module, x = Deep().eval(), torch.randn(3, 16)
    converted = convert(module, (x,))
    with torch.no_grad():
        result = verify(converted, (x,), module(x), by_node=True)
    assert result.passed
    assert result.culprit is None
    names = {row.name for row in converted.report.nodes if row.device != "folded"}
    assert names == {one.name for one in result.nodes}
    assert all(one.relative < 1e-5 and one.own < 1e-5 for one in result.nodes)


MODEL = """
import torch

class Model(torch.nn.Module):
    def forward(self, x):
        y = torch.relu(x) + 1
        y = torch.tanh(y)
        return y * 2

def model():
    return Model(), (torch.linspace(-1, 1, 6).reshape(2, 3),)
"""


def test_the_command_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "models.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    wrong = plugin(lowerings=[wrong_tanh])
    monkeypatch.setattr(Registry, "collect", classmethod(lambda cls, **_: wrong))
    assert main(["models.py:model", "-o", "m.nnapi", "--verify"]) == 1
    said = capsys.readouterr()
    assert "DISAGREES" in said.out
    assert "first departs: tanh (aten.tanh.default) at" in said.out
    assert "models.py:7" in said.out
    assert "was not written" in said.err
    assert not (tmp_path / "m.nnapi").exists()
    assert "wrong_plugin" not in sys.modules
