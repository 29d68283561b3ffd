"""The logistic function, the hyperbolic tangent, and what a logistic function gates."""

from __future__ import annotations

import torch

from nnapi_core.plugin import (
    Bounds,
    Context,
    Layout,
    Lowering,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.arithmetic.add_sub_mul import times
from nnapi_ops.shape.slice_select_split import halves

aten = torch.ops.aten


@lowering(aten.sigmoid.default, aten.special_expit.default, layout=Layout.ANY)
def sigmoid(nn: Context, self: Value) -> Value:
    """
    sigmoid(Tensor self) -> Tensor
    special_expit(Tensor self) -> Tensor
    """
    return nn.emit(ops.LOGISTIC, input=nn.cast(self, nn.out.dtype)).bounded(Bounds(0, 1))


@lowering(aten.tanh.default, layout=Layout.ANY)
def tanh(nn: Context, self: Value) -> Value:
    """tanh(Tensor self) -> Tensor"""
    return nn.emit(ops.TANH, input=nn.cast(self, nn.out.dtype)).bounded(Bounds(-1, 1))


@lowering(aten.silu.default, layout=Layout.ANY)
def silu(nn: Context, self: Value) -> Value:
    """silu(Tensor self) -> Tensor"""
    return times(nn, self, nn.emit(ops.LOGISTIC, input=self))


@lowering(aten.glu.default, layout=Layout.ANY)
def glu(nn: Context, self: Value, dim: int) -> Value:
    """glu(Tensor self, int dim=-1) -> Tensor"""
    value, gate = halves(nn, self, dim)
    return times(nn, value, nn.emit(ops.LOGISTIC, input=gate))


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
