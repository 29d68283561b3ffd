"""Recurrent layers taken apart into integer operations: the same function in floats, no floats in integers."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import nn

import nnapi_core

pytest.importorskip("torchao", reason="quantisation needs the extra `quant`")

from nnapi_core.graph.calibration_record import CalibrationRecord
from nnapi_core.graph.export.export_module import export
from nnapi_core.quantisation.float_graph import float_graph
from nnapi_core.quantisation.recurrent_in_integers import MOST_STEPS
from nnapi_core.testing.rounded_layers import compare_layers

LAYERS = {
    "lstm": nn.LSTM,
    "gru": nn.GRU,
    "tanh": lambda *sizes, **options: nn.RNN(*sizes, nonlinearity="tanh", **options),
    "relu": lambda *sizes, **options: nn.RNN(*sizes, nonlinearity="relu", **options),
}
CELLS = {
    "lstm": nn.LSTMCell,
    "gru": nn.GRUCell,
    "tanh": lambda *sizes, **options: nn.RNNCell(*sizes, nonlinearity="tanh", **options),
    "relu": lambda *sizes, **options: nn.RNNCell(*sizes, nonlinearity="relu", **options),
}
INPUT, HIDDEN = 5, 6


class Layers(nn.Module):
    """A recurrent layer, all of whose results are read."""

    def __init__(self, kind: str, **options: Any) -> None:
        super().__init__()
        self.layers = LAYERS[kind](INPUT, HIDDEN, **options)

    def forward(self, x: torch.Tensor, *states: torch.Tensor) -> tuple[torch.Tensor, ...]:
        given = states if len(states) == 2 else (states[0] if states else None)
        sequence, last = self.layers(x, given)
        return sequence, *(last if isinstance(last, tuple) else (last,))


class Cell(nn.Module):
    def __init__(self, kind: str, **options: Any) -> None:
        super().__init__()
        self.cell = CELLS[kind](INPUT, HIDDEN, **options)

    def forward(self, x: torch.Tensor, *states: torch.Tensor) -> Any:
        return self.cell(x, states if len(states) == 2 else (states[0] if states else None))


@st.composite
def recurrent(draw: st.DrawFn) -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """A layer or a cell, and arguments for it: a sequence, and states or none."""
    seed = draw(st.integers(0, 1000))
    torch.manual_seed(seed)
    kind = draw(st.sampled_from(sorted(LAYERS)))
    bias, with_states, batch = draw(st.booleans()), draw(st.booleans()), draw(st.integers(1, 2))
    kinds = 2 if kind == "lstm" else 1
    if draw(st.booleans()):
        states = [torch.randn(batch, HIDDEN) for _ in range(kinds * with_states)]
        return Cell(kind, bias=bias).eval(), (torch.randn(batch, INPUT), *states)
    steps, layers, both, first = (
        draw(st.integers(1, 4)),
        draw(st.integers(1, 2)),
        draw(st.booleans()),
        draw(st.booleans()),
    )
    options: dict[str, Any] = {"num_layers": layers, "bidirectional": both, "batch_first": first}
    sizes = [HIDDEN] * kinds
    if kind == "lstm" and draw(st.booleans()):
        options["proj_size"] = sizes[0] = HIDDEN - 2
    count = layers * (2 if both else 1)
    states = [torch.randn(count, batch, size) for size in sizes * with_states]
    shape = (batch, steps, INPUT) if first else (steps, batch, INPUT)
    return Layers(kind, bias=bias, **options).eval(), (torch.randn(shape), *states)


@settings(max_examples=15)
@given(recurrent())
def test_steps_compute_what_the_layer_does(
    case: tuple[nn.Module, tuple[torch.Tensor, ...]],
) -> None:
    module, args = case
    written = float_graph(export(module, args), level=29, by_channel=True, recurrent=True)
    calls = {str(one.target) for one in written.module.graph.nodes if one.op == "call_function"}
    assert not any(word in name for name in calls for word in ("lstm", "gru", "rnn"))
    with torch.no_grad():
        torch.testing.assert_close(written.module(*args), module(*args), rtol=1e-5, atol=1e-5)


@settings(max_examples=3)
@given(recurrent(), st.sampled_from([29, 30, 1000006]))
def test_integers_alone(case: tuple[nn.Module, tuple[torch.Tensor, ...]], level: int) -> None:
    module, args = case
    program = nnapi_core.quantize(module, [args], feature_level=level, recurrent=True)
    converted = nnapi_core.convert(program, args, feature_level=level, fallback="error")
    assert converted.report.float_islands() == []
    assert not any("LSTM" in name for name in converted.report.operations)
    for layer in compare_layers(program, args, feature_level=level):
        assert layer.worst <= 1, f"{layer.name}: {layer.worst} steps"


def test_without_being_asked_they_stay_in_floats() -> None:
    module, x = Layers("gru").eval(), torch.randn(3, 1, INPUT)
    whole = float_graph(export(module, (x,)), level=29, by_channel=True)
    assert any("gru" in str(node.target) for node in whole.module.graph.nodes)


class Recogniser(nn.Module):
    """A recurrent layer between linear ones."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.before, self.layers = nn.Linear(8, INPUT), Layers(kind, batch_first=True)
        self.after = nn.Linear(HIDDEN, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.after(self.layers(self.before(x))[0])


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_rounding_is_measured(kind: str) -> None:
    """The state is rounded in each step, and calibrated: 30 dB after eight of them."""
    torch.manual_seed(0)
    module = Recogniser(kind).eval()
    batches = [(torch.randn(2, 8, 8),) for _ in range(2)]
    program = nnapi_core.quantize(module, batches, recurrent=True)
    converted = nnapi_core.convert(program, batches[0], fallback="error")
    assert converted.report.float_islands() == []
    record = CalibrationRecord.of(program)
    assert record is not None and min(record.snr) > 30
    with torch.no_grad():
        wanted = module(*batches[0])
    noise = (converted(*batches[0]) - wanted).square().sum() / wanted.square().sum()
    assert 10 * torch.log10(noise) < -30


def test_a_goal_leaves_the_whole_layer_in_floats() -> None:
    torch.manual_seed(0)
    module, batch = Recogniser("gru").eval(), (torch.randn(1, 3, 8),)
    program = nnapi_core.quantize(module, [batch], recurrent=True, float_types=[nn.GRU])
    report = nnapi_core.convert(program, batch, fallback="error").report
    assert any("gru" in row.target for row in report.float_islands())
    assert report.operations["FULLY_CONNECTED"] > 2


def test_long_sequences_stay_in_floats_and_say_so() -> None:
    module, batch = Recogniser("lstm").eval(), (torch.randn(1, MOST_STEPS + 1, 8),)
    program = nnapi_core.quantize(module, [batch], recurrent=True)
    converted = nnapi_core.convert(program, batch, feature_level=29)
    (row,) = converted.report.float_islands()
    assert "lstm" in row.target and str(MOST_STEPS) in row.reason
