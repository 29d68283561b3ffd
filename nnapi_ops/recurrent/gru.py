"""GRU layers and cells. NNAPI has none: they are unrolled into its gates."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Lowering,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.arithmetic.add_sub_mul import minus
from nnapi_ops.linear._matrix_product import fully_connected
from nnapi_ops.recurrent._unroll_time_steps import (
    FLOAT_STATE,
    UNROLLED,
    Direction,
    Step,
    bias_sum,
    cell_of,
    stacked,
    unrolled_layer,
)
from nnapi_ops.shape._split_and_concat import split

aten = torch.ops.aten


@lowering(aten.gru.input, layout=Layout.TORCH, limitations=[UNROLLED], in_floats=FLOAT_STATE)
def gru(
    nn: Context,
    input: Value,
    hx: Value,
    params: Sequence[Value],
    **options: Any,
) -> tuple[Value | None, ...]:
    """
    gru.input(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)
    """
    return stacked(nn, unrolled_layer(_inputs_and_step), input, [hx], params, **options)


@lowering(aten.gru_cell.default, layout=Layout.TORCH, in_floats=FLOAT_STATE)
def gru_cell(
    nn: Context,
    input: Value,
    hx: Value,
    **weights: Any,
) -> Value:
    """
    gru_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor
    """
    cell = cell_of(input, (hx,), **weights)
    (hidden,) = _step(nn, *_hidden_product(nn, cell), _input_products(nn, cell, input), (hx,))
    return hidden


def _inputs_and_step(
    nn: Context, direction: Direction, sequence: Value
) -> tuple[Sequence[Value], Step]:
    products = _input_products(nn, direction, sequence)
    return products, partial(_step, nn, *_hidden_product(nn, direction))


def _input_products(nn: Context, direction: Direction, input: Value) -> list[Value]:
    """What the input adds to the three gates, for all steps at once.

    The reset and the update gate take both biases here; the third needs its hidden one apart.
    """
    weights = split(nn, direction.input_weights, 0, 3)
    reset, update, new = split(nn, direction.bias_of(nn, direction.input_bias), 0, 3)
    more = split(nn, direction.bias_of(nn, direction.hidden_bias), 0, 3)
    biases = [bias_sum(nn, reset, more[0]), bias_sum(nn, update, more[1]), new]
    return [fully_connected(nn, input, *one) for one in zip(weights, biases, strict=True)]


def _hidden_product(nn: Context, direction: Direction) -> tuple[list[Value], Value]:
    """The weights of the three gates, and the bias of the third."""
    bias = split(nn, direction.bias_of(nn, direction.hidden_bias), 0, 3)[2]
    return split(nn, direction.hidden_weights, 0, 3), bias


def _step(
    nn: Context,
    weights: Sequence[Value],
    bias: Value,
    inputs: Sequence[Value],
    states: tuple[Value, ...],
) -> tuple[Value]:
    (hidden,) = states
    reset, update = (
        nn.emit(
            ops.LOGISTIC,
            input=nn.emit(
                ops.ADD, a=inputs[gate], b=fully_connected(nn, hidden, weights[gate], None)
            ),
        )
        for gate in (0, 1)
    )
    kept = nn.emit(ops.MUL, a=reset, b=fully_connected(nn, hidden, weights[2], bias))
    new = nn.emit(ops.TANH, input=nn.emit(ops.ADD, a=inputs[2], b=kept))
    change = nn.emit(ops.MUL, a=update, b=minus(nn, hidden, new))
    return (nn.emit(ops.ADD, a=new, b=change),)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
