"""Elements of one tensor or of another, by a condition."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from attrs import evolve

from nnapi_core.plugin import (
    Context,
    Dim,
    Layout,
    Lowering,
    Order,
    Value,
    broadcast_shapes,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.arithmetic._type_promotion import Number, operand
from nnapi_ops.shape.expand_repeat import expanded

aten = torch.ops.aten


@lowering(
    aten.where.self,
    aten.where.ScalarOther,
    aten.where.ScalarSelf,
    aten.where.Scalar,
    layout=Layout.SAME,
)
def where(nn: Context, condition: Value, self: Value | Number, other: Value | Number) -> Value:
    """
    where.self(Tensor condition, Tensor self, Tensor other) -> Tensor
    where.ScalarOther(Tensor condition, Tensor self, Scalar other) -> Tensor
    where.ScalarSelf(Tensor condition, Scalar self, Tensor other) -> Tensor
    where.Scalar(Tensor condition, Scalar self, Scalar other) -> Tensor
    """
    dtype = nn.out.dtype
    return chosen(nn, condition, operand(nn, self, dtype), operand(nn, other, dtype))


@lowering(aten.masked_fill.Scalar, aten.masked_fill.Tensor, layout=Layout.SAME)
def masked_fill(nn: Context, self: Value, mask: Value, value: Value | Number) -> Value:
    """
    masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor
    masked_fill.Tensor(Tensor self, Tensor mask, Tensor value) -> Tensor
    """
    return chosen(nn, mask, operand(nn, value, nn.out.dtype), nn.cast(self, nn.out.dtype))


@lowering(aten.nan_to_num.default, layout=Layout.ANY)
def nan_to_num(
    nn: Context, self: Value, nan: float | None, posinf: float | None, neginf: float | None
) -> Value:
    """nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor"""
    if not self.dtype.is_floating_point:
        return self
    limits = torch.finfo(self.dtype)
    replacements = (
        (math.inf, limits.max if posinf is None else posinf),
        (-math.inf, limits.min if neginf is None else neginf),
    )
    result = self
    for infinite, replacement in replacements:
        found = nn.emit(ops.EQUAL, a=self, b=nn.filled(self, infinite))
        result = chosen(nn, found, nn.filled(self, replacement), result)
    missing = nn.emit(ops.NOT_EQUAL, a=self, b=self)
    return chosen(nn, missing, nn.filled(self, nan or 0.0), result)


def chosen(nn: Context, condition: Value, yes: Value, no: Value) -> Value:
    """``torch.where`` of two tensors of one dtype; all operands lie in one order, and broadcast."""
    condition = nn.cast(condition, torch.bool)
    if yes.dtype is torch.bool:
        no_condition = nn.emit(ops.LOGICAL_NOT, input=condition)
        either = nn.emit(ops.LOGICAL_AND, a=condition, b=yes)
        return nn.emit(ops.LOGICAL_OR, a=either, b=nn.emit(ops.LOGICAL_AND, a=no_condition, b=no))
    shape = broadcast_shapes([condition.shape, yes.shape, no.shape])
    order = next((one.order for one in (condition, yes, no) if not _is_free(one)), Order.TORCH)
    a, b = (_expanded(nn, one, shape, order) for one in (yes, no))
    result = nn.emit(ops.SELECT, mask=_whole_mask(nn, condition, shape, order), a=a, b=b)
    return result.bounded(yes.bounds | no.bounds)


def _is_free(value: Value) -> bool:
    return value.is_constant or value.rank != 4


def _expanded(nn: Context, value: Value, shape: Sequence[Dim], order: Order) -> Value:
    """``value`` with every element there: SELECT does not broadcast."""
    return nn.arrange(expanded(nn, value, shape), order)


def _whole_mask(nn: Context, mask: Value, shape: Sequence[Dim], order: Order) -> Value:
    if mask.is_constant or tuple(mask.shape) == tuple(shape):
        return _expanded(nn, mask, shape, order)
    # A logical operation broadcasts, which is cheaper than to tile a mask as floats.
    spec = evolve(mask.spec, shape=tuple(shape), order=order if len(shape) == 4 else Order.TORCH)
    return nn.emit(ops.LOGICAL_OR, a=mask, b=nn.full(spec, False, torch.bool))


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
