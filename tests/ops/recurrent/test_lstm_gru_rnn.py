"""LSTM, GRU and RNN: layers and cells."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

import nnapi_core
from nnapi_core.nnapi.opset import FEATURE_LEVELS
from nnapi_core.testing import Case, Outcome, check_lowering, feature_levels
from nnapi_ops.recurrent._unroll_time_steps import MOST_STEPS

LAYERS: dict[str, Any] = {
    "lstm": torch.nn.LSTM,
    "projected lstm": torch.nn.LSTM,
    "gru": torch.nn.GRU,
    "rnn_tanh": torch.nn.RNN,
    "rnn_relu": torch.nn.RNN,
}
CELLS: dict[str, Any] = {
    "lstm": torch.nn.LSTMCell,
    "gru": torch.nn.GRUCell,
    "rnn_tanh": torch.nn.RNNCell,
    "rnn_relu": torch.nn.RNNCell,
}
RESULTS = {"sequence": [0], "states": [1, 2], "all": [0, 1, 2], "the last state": [2]}


@frozen(eq=False)
class Layer:
    """A module, and arguments for it."""

    module: torch.nn.Module
    args: tuple[torch.Tensor, ...]


class Picking(torch.nn.Module):
    """A recurrent module whose sequence, states or both are read; states may be given as separate arguments."""

    def __init__(self, module: torch.nn.Module, results: list[int]) -> None:
        super().__init__()
        self.module, self.results = module, results

    def forward(self, x: torch.Tensor, *states: torch.Tensor) -> tuple[torch.Tensor, ...]:
        given: Any = None if not states else states[0] if len(states) == 1 else states
        output, last = self.module(x, given)
        flat = [output, *(last if isinstance(last, tuple) else (last,))]
        return tuple(flat[index] for index in sorted({min(r, len(flat) - 1) for r in self.results}))


def random(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@st.composite
def layers(draw: st.DrawFn, kind: str) -> Layer:
    size, hidden = draw(st.integers(1, 5)), draw(st.integers(2, 5))
    options = {
        "num_layers": draw(st.integers(1, 2)),
        "bias": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
        "bidirectional": draw(st.booleans()),
    }
    options["dropout"] = 0.5 if options["num_layers"] > 1 else 0.0
    if kind.startswith("projected"):
        options["proj_size"] = draw(st.integers(1, hidden - 1))
    if kind.startswith("rnn_"):
        options["nonlinearity"] = kind.removeprefix("rnn_")
    torch.manual_seed(draw(st.integers(0, 99)))
    module = LAYERS[kind](size, hidden, **options)
    time, batch = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    batched = draw(st.booleans(), label="batched")
    shape = (batch, time, size) if options["batch_first"] else (time, batch, size)
    args = [random(1, *(shape if batched else (time, size)))]
    if draw(st.booleans(), label="states given"):
        count = options["num_layers"] * (2 if options["bidirectional"] else 1)
        widths = [options.get("proj_size", hidden), hidden][: 2 if "lstm" in kind else 1]
        rest = (batch,) if batched else ()
        args += [random(2 + index, count, *rest, width) for index, width in enumerate(widths)]
    results = draw(st.sampled_from(sorted(RESULTS)), label="results read")
    return Layer(Picking(module, RESULTS[results]).eval(), tuple(args))


def check(layer: Layer, level: int) -> Outcome:
    # Each step sums over the input and the hidden size; errors of one step enter the next.
    return check_lowering(Case(layer.module, layer.args, feature_level=level, terms=60))


@pytest.mark.parametrize("kind", LAYERS)
@settings(max_examples=8)
@given(st.data(), feature_levels())
def test_layers(kind: str, data: st.DataObject, level: int) -> None:
    outcome = check(data.draw(layers(kind)), level)
    assert outcome.supported, outcome.reasons


@pytest.mark.parametrize("kind", CELLS)
@settings(max_examples=6)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.booleans(), feature_levels())
def test_cells(kind: str, size: int, hidden: int, batch: int, bias: bool, level: int) -> None:
    options = {"nonlinearity": kind.removeprefix("rnn_")} if kind.startswith("rnn_") else {}
    cell = CELLS[kind](size, hidden, bias=bias, **options)
    states = (random(2, batch, hidden), random(3, batch, hidden))[: 2 if kind == "lstm" else 1]

    def step(x: torch.Tensor, *given: torch.Tensor) -> Any:
        return cell(x, given if len(given) > 1 else given[0])

    outcome = check_lowering(
        Case(step, (random(1, batch, size), *states), feature_level=level, terms=20)
    )
    assert outcome.supported, outcome.reasons


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
@pytest.mark.parametrize("level", [29, 1000008])
def test_weights_that_the_model_computes(kind: str, level: int) -> None:
    """Biases and weights need not be constants."""
    options = {"nonlinearity": kind.removeprefix("rnn_")} if kind.startswith("rnn_") else {}
    module = LAYERS[kind](3, 4, **options)
    names = [name for name, _ in module.named_parameters()]

    def run(x: torch.Tensor, *params: torch.Tensor) -> Any:
        return torch.func.functional_call(module, dict(zip(names, params, strict=True)), (x,))[0]

    params = tuple(param.detach().clone() for param in module.parameters())
    outcome = check_lowering(
        Case(run, (random(1, 4, 2, 3), *params), feature_level=level, terms=60)
    )
    assert outcome.supported, outcome.reasons


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
def test_half_precision(kind: str) -> None:
    options = {"nonlinearity": kind.removeprefix("rnn_")} if kind.startswith("rnn_") else {}
    layer = Layer(
        Picking(LAYERS[kind](3, 4, **options), [0, 1, 2]).half().eval(),
        (random(1, 4, 2, 3).half(),),
    )
    assert check(layer, 30).supported


def test_one_operation_for_each_layer() -> None:
    module = torch.nn.LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True)
    layer = Layer(Picking(module, [0]).eval(), (random(1, 2, 5, 3),))
    outcome = check(layer, 29)
    assert outcome.converted is not None
    (stage,) = outcome.converted.contents.manifest["stages"]
    assert len(stage["operations"]) == 2


def test_long_sequences_are_unrolled_up_to_a_limit() -> None:
    layer = Layer(torch.nn.RNN(1, 1).eval(), (random(1, MOST_STEPS + 1, 1, 1),))
    outcome = check(layer, FEATURE_LEVELS[-1])
    assert not outcome.supported
    assert f"{MOST_STEPS} steps" in outcome.reasons[0]


def test_dropout_while_training_is_refused() -> None:
    module = torch.nn.LSTM(3, 4, num_layers=2, dropout=0.5).train()
    with pytest.raises(nnapi_core.ConversionError, match="dropout"):
        nnapi_core.convert(
            Picking(module, [0]), (random(1, 4, 2, 3),), feature_level=30, fallback="error"
        )
