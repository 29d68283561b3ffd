"""Plain recurrent layers and cells: NNAPI's RNN with rectifiers, unrolled with hyperbolic tangents.

NNAPI's RNN takes the activations that an operation can be fused with, and TANH is none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from nnapi_core.plugin import (
    Context,
    FuseCode,
    Layout,
    Lowering,
    TensorSpec,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.linear._matrix_product import fully_connected
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

aten = torch.ops.aten
_RELU = int(FuseCode.RELU)


@lowering(aten.rnn_tanh.input, layout=Layout.TORCH, limitations=[UNROLLED], in_floats=FLOAT_STATE)
def rnn_tanh(
    nn: Context,
    input: Value,
    hx: Value,
    params: Sequence[Value],
    **options: Any,
) -> tuple[Value | None, ...]:
    """
    rnn_tanh.input(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)
    """
    return stacked(nn, unrolled_layer(_tanh_inputs_and_step), input, [hx], params, **options)


@lowering(aten.rnn_relu.input, layout=Layout.TORCH, limitations=[UNROLLED], in_floats=FLOAT_STATE)
def rnn_relu(
    nn: Context,
    input: Value,
    hx: Value,
    params: Sequence[Value],
    **options: Any,
) -> tuple[Value | None, ...]:
    """
    rnn_relu.input(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)
    """
    layer = _relu_sequence if nn.level >= 29 else unrolled_layer(_relu_inputs_and_step)
    return stacked(nn, layer, input, [hx], params, **options)


@lowering(aten.rnn_tanh_cell.default, layout=Layout.TORCH, in_floats=FLOAT_STATE)
def rnn_tanh_cell(
    nn: Context,
    input: Value,
    hx: Value,
    **weights: Any,
) -> Value:
    """
    rnn_tanh_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor
    """
    cell = cell_of(input, (hx,), **weights)
    product = fully_connected(nn, input, cell.input_weights, cell.bias(nn))
    return _tanh_step(nn, cell, [product], (hx,))[0]


@lowering(aten.rnn_relu_cell.default, layout=Layout.TORCH, in_floats=FLOAT_STATE)
def rnn_relu_cell(
    nn: Context,
    input: Value,
    hx: Value,
    **weights: Any,
) -> Value:
    """
    rnn_relu_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor
    """
    cell = cell_of(input, (hx,), **weights)
    return _relu_step(nn, cell, [input], (hx,))[0]


def _tanh_inputs_and_step(
    nn: Context, direction: Direction, sequence: Value
) -> tuple[Sequence[Value], Step]:
    # The input's part of all steps at once.
    product = fully_connected(nn, sequence, direction.input_weights, direction.bias(nn))
    return [product], partial(_tanh_step, nn, direction)


def _tanh_step(
    nn: Context, direction: Direction, inputs: Sequence[Value], states: tuple[Value, ...]
) -> tuple[Value, ...]:
    product = fully_connected(nn, states[0], direction.hidden_weights, None)
    return (nn.emit(ops.TANH, input=nn.emit(ops.ADD, a=inputs[0], b=product)),)


def _relu_inputs_and_step(
    nn: Context, direction: Direction, sequence: Value
) -> tuple[Sequence[Value], Step]:
    return [sequence], partial(_relu_step, nn, direction)


def _relu_step(
    nn: Context, direction: Direction, inputs: Sequence[Value], states: tuple[Value, ...]
) -> tuple[Value, ...]:
    (hidden,) = states
    operands = _operands(nn, direction) | {"output_state_in": hidden}
    outs = [hidden.spec, hidden.spec]
    results = nn.emit_many(ops.RNN, outs=outs, input=inputs[0], activation=_RELU, **operands)
    return results[:1]


def _relu_sequence(
    nn: Context, input: Value, directions: Sequence[Direction], batch_first: bool
) -> tuple[Value, Finals]:
    width = len(directions) * directions[0].states[0].static_shape[1]
    out = TensorSpec((*input.shape[:2], width), input.dtype)
    operands: dict[str, Any] = {"input": input, "activation": _RELU, "out": out}
    operands |= operands_of([_operands(nn, one) for one in directions])
    if len(directions) == 1:
        time_major = int(not batch_first)
        output = nn.emit(ops.UNIDIRECTIONAL_SEQUENCE_RNN, time_major=time_major, **operands)
    else:
        operands |= {"time_major": not batch_first, "merge_outputs": True}
        output = nn.emit(ops.BIDIRECTIONAL_SEQUENCE_RNN, **operands)
    if not nn.wanted[1]:
        return output, [(None,)] * len(directions)
    return output, [(last,) for last in last_steps(nn, output, len(directions), batch_first)]


def _operands(nn: Context, direction: Direction) -> dict[str, Value]:
    return {
        "input_weights": direction.input_weights,
        "recurrent_weights": direction.hidden_weights,
        "bias": direction.bias(nn),
        "output_state_in": direction.states[0],
    }


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
