"""Activations made of straight lines: hardswish, hardsigmoid, hardtanh, and those that shrink."""

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
from nnapi_ops.arithmetic._type_promotion import Number
from nnapi_ops.arithmetic.add_sub_mul import minus, plus, times
from nnapi_ops.arithmetic.clamp import clamped
from nnapi_ops.arithmetic.division import quotient
from nnapi_ops.arithmetic.where_masked_fill import chosen

aten = torch.ops.aten


@lowering(aten.hardswish.default, layout=Layout.ANY)
def hardswish(nn: Context, self: Value) -> Value:
    """hardswish(Tensor self) -> Tensor"""
    if nn.level >= 30:
        return nn.emit(ops.HARD_SWISH, input=self)
    shifted = plus(nn, self, nn.filled(self, 3))
    return quotient(nn, times(nn, self, nn.emit(ops.RELU6, input=shifted)), 6)


@lowering(aten.hardsigmoid.default, layout=Layout.ANY)
def hardsigmoid(nn: Context, self: Value) -> Value:
    """hardsigmoid(Tensor self) -> Tensor"""
    shifted = plus(nn, self, nn.filled(self, 3))
    return quotient(nn, nn.emit(ops.RELU6, input=shifted), 6).bounded(Bounds(0, 1))


@lowering(aten.hardtanh.default, layout=Layout.ANY)
def hardtanh(nn: Context, self: Value, min_val: Number, max_val: Number) -> Value:
    """hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor"""
    return clamped(nn, self, min_val, max_val)


@lowering(aten.hardshrink.default, layout=Layout.ANY)
def hardshrink(nn: Context, self: Value, lambd: Number) -> Value:
    """hardshrink(Tensor self, Scalar lambd=0.5) -> Tensor"""
    size = nn.emit(ops.ABS, input=self)
    small = nn.emit(ops.LESS_EQUAL, a=size, b=nn.filled(self, lambd))
    return chosen(nn, small, nn.filled(self, 0), self)


@lowering(aten.softshrink.default, layout=Layout.ANY)
def softshrink(nn: Context, self: Value, lambd: Number) -> Value:
    """softshrink(Tensor self, Scalar lambd=0.5) -> Tensor"""
    return minus(nn, self, clamped(nn, self, -lambd, lambd))


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
