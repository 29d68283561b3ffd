"""The larger or the smaller of two elements."""

from __future__ import annotations

from collections.abc import Callable

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
from nnapi_ops.arithmetic.where_masked_fill import chosen

aten = torch.ops.aten


@lowering(aten.maximum.default, aten.max.other, layout=Layout.SAME)
def maximum(nn: Context, self: Value, other: Value) -> Value:
    """
    maximum(Tensor self, Tensor other) -> Tensor
    max.other(Tensor self, Tensor other) -> Tensor
    """
    return larger(nn, nn.cast(self, nn.out.dtype), nn.cast(other, nn.out.dtype))


@lowering(aten.minimum.default, aten.min.other, layout=Layout.SAME)
def minimum(nn: Context, self: Value, other: Value) -> Value:
    """
    minimum(Tensor self, Tensor other) -> Tensor
    min.other(Tensor self, Tensor other) -> Tensor
    """
    return smaller(nn, nn.cast(self, nn.out.dtype), nn.cast(other, nn.out.dtype))


@lowering(aten.fmax.default, layout=Layout.SAME)
def fmax(nn: Context, self: Value, other: Value) -> Value:
    """fmax(Tensor self, Tensor other) -> Tensor"""
    return _without_nan(nn, self, other, larger)


@lowering(aten.fmin.default, layout=Layout.SAME)
def fmin(nn: Context, self: Value, other: Value) -> Value:
    """fmin(Tensor self, Tensor other) -> Tensor"""
    return _without_nan(nn, self, other, smaller)


def larger(nn: Context, a: Value, b: Value) -> Value:
    """The elementwise maximum of two tensors of one dtype."""
    if a.dtype is torch.bool:
        return nn.emit(ops.LOGICAL_OR, a=a, b=b)
    return nn.emit(ops.MAXIMUM, a=a, b=b, dtype=a.dtype)


def smaller(nn: Context, a: Value, b: Value) -> Value:
    """The elementwise minimum of two tensors of one dtype."""
    if a.dtype is torch.bool:
        return nn.emit(ops.LOGICAL_AND, a=a, b=b)
    return nn.emit(ops.MINIMUM, a=a, b=b, dtype=a.dtype)


def _without_nan(
    nn: Context, self: Value, other: Value, extreme: Callable[[Context, Value, Value], Value]
) -> Value:
    """The extreme, or the other number where one is NaN."""
    a, b = nn.cast(self, nn.out.dtype), nn.cast(other, nn.out.dtype)
    if not a.dtype.is_floating_point:
        return extreme(nn, a, b)
    no_a, no_b = (nn.emit(ops.NOT_EQUAL, a=one, b=one) for one in (a, b))
    return extreme(nn, chosen(nn, no_a, b, a), chosen(nn, no_b, a, b))


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
