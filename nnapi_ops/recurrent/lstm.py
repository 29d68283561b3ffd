"""LSTM layers and cells: whole sequences from level 29 on, one operation a step before."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from attrs import evolve

from nnapi_core.plugin import (
    Context,
    Layout,
    Limitation,
    Lowering,
    TensorSpec,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.recurrent._unroll_time_steps import (
    FLOAT_STATE,
    UNROLLED,
    Direction,
    Finals,
    Step,
    cell_of,
    last_steps,
    operands_of,
    stacked,
    unrolled_layer,
)
from nnapi_ops.shape._split_and_concat import split

aten = torch.ops.aten

# The gates as torch has them one below the other, by NNAPI's names.
_GATES = ("input", "forget", "cell", "output")
_BIASES = ("input_gate_bias", "forget_gate_bias", "cell_bias", "output_gate_bias")
_TANH = 4
_SETTINGS = {"activation": _TANH, "cell_clip": 0.0, "projection_clip": 0.0}


@lowering(
    aten.lstm.input,
    layout=Layout.TORCH,
    limitations=[UNROLLED, Limitation("the last cell state without unrolling", level=30)],
    in_floats=FLOAT_STATE,
)
def lstm(
    nn: Context,
    input: Value,
    hx: Sequence[Value],
    params: Sequence[Value],
    **options: Any,
) -> tuple[Value | None, ...]:
    """
    lstm.input(Tensor input, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor, Tensor)
    """
    cell_wanted = nn.wanted[2]
    whole = nn.level >= 30 or (nn.level == 29 and not cell_wanted)
    return stacked(
        nn, _sequence if whole else unrolled_layer(_inputs_and_step), input, hx, params, **options
    )


@lowering(aten.lstm_cell.default, layout=Layout.TORCH, in_floats=FLOAT_STATE)
def lstm_cell(
    nn: Context,
    input: Value,
    hx: Sequence[Value],
    **weights: Any,
) -> tuple[Value, ...]:
    """
    lstm_cell(Tensor input, Tensor[] hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> (Tensor, Tensor)
    """
    cell = cell_of(input, tuple(hx), **weights)
    return _step(nn, _weights(nn, cell), [input], cell.states)


def _inputs_and_step(
    nn: Context, direction: Direction, sequence: Value
) -> tuple[Sequence[Value], Step]:
    return [sequence], partial(_step, nn, _weights(nn, direction))


def _step(
    nn: Context, weights: dict[str, Value], inputs: Sequence[Value], states: tuple[Value, ...]
) -> tuple[Value, ...]:
    hidden, cell = states
    scratch = evolve(cell.spec, shape=(cell.shape[0], 4 * cell.static_shape[1]))
    results = nn.emit_many(
        ops.LSTM,
        outs=[scratch, hidden.spec, cell.spec, hidden.spec],
        input=inputs[0],
        output_state_in=hidden,
        cell_state_in=cell,
        **weights,
        **_SETTINGS,
    )
    return results[1], results[2]


def _sequence(
    nn: Context, input: Value, directions: Sequence[Direction], batch_first: bool
) -> tuple[Value, Finals]:
    """One operation for a layer. It gives the states after the last step from level 30 on."""
    dtype = input.dtype
    sizes = [state.shape[1] for state in directions[0].states]
    batch = directions[0].states[0].static_shape[0]
    width = len(directions) * directions[0].states[0].static_shape[1]
    outs = [TensorSpec((*input.shape[:2], width), dtype)]
    states_out = nn.wanted[2]
    if states_out:
        outs += [TensorSpec((batch, size), dtype) for size in sizes] * len(directions)
    operands: dict[str, Any] = {"input": input, "time_major": not batch_first, **_SETTINGS}
    operands |= operands_of([_operands(nn, one) for one in directions])
    if len(directions) == 1:
        results = nn.emit_many(ops.UNIDIRECTIONAL_SEQUENCE_LSTM, outs=outs, **operands)
    else:
        results = nn.emit_many(
            ops.BIDIRECTIONAL_SEQUENCE_LSTM, outs=outs, merge_outputs=True, **operands
        )
    output = results[0]
    if states_out:
        return output, [results[1 + 2 * one : 3 + 2 * one] for one in range(len(directions))]
    if not nn.wanted[1]:
        return output, [(None, None)] * len(directions)
    return output, [(last, None) for last in last_steps(nn, output, len(directions), batch_first)]


def _operands(nn: Context, direction: Direction) -> dict[str, Value]:
    hidden, cell = direction.states
    return _weights(nn, direction) | {"output_state_in": hidden, "cell_state_in": cell}


def _weights(nn: Context, direction: Direction) -> dict[str, Value]:
    operands = {}
    for weights, origin in (
        (direction.input_weights, "input"),
        (direction.hidden_weights, "recurrent"),
    ):
        for gate, value in zip(_GATES, split(nn, weights, 0, 4), strict=True):
            operands[f"{origin}_to_{gate}_weights"] = value
    operands |= zip(_BIASES, split(nn, direction.bias(nn), 0, 4), strict=True)
    if direction.projection is not None:
        operands["projection_weights"] = direction.projection
    return operands


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
