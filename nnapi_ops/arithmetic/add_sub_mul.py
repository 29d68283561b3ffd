"""Sums, differences and products."""

from __future__ import annotations

import math

import torch

from nnapi_core.plugin import (
    Bounds,
    Context,
    Layout,
    Limitation,
    Lowering,
    OperationSpec,
    Unsupported,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.arithmetic._type_promotion import Number, operand

aten = torch.ops.aten

# How much a result may be rounded by, of its size: half of float16's last bit.
_ROUNDED = 2.0**-11

INT64_OVERFLOW = Limitation(
    "int64 arithmetic is lowered where the operands are known to be small enough for int32"
)


@lowering(aten.add.Tensor, aten.add.Scalar, layout=Layout.SAME, limitations=[INT64_OVERFLOW])
def add(nn: Context, self: Value, other: Value | Number, alpha: Number) -> Value:
    """
    add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor
    add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor
    """
    a = operand(nn, self, nn.out.dtype)
    return plus(nn, a, _scaled(nn, other, alpha))


@lowering(aten.sub.Tensor, aten.sub.Scalar, layout=Layout.SAME, limitations=[INT64_OVERFLOW])
def sub(nn: Context, self: Value, other: Value | Number, alpha: Number) -> Value:
    """
    sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor
    sub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor
    """
    return minus(nn, operand(nn, self, nn.out.dtype), _scaled(nn, other, alpha))


@lowering(aten.rsub.Tensor, aten.rsub.Scalar, layout=Layout.SAME, limitations=[INT64_OVERFLOW])
def rsub(nn: Context, self: Value, other: Value | Number, alpha: Number) -> Value:
    """
    rsub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor
    rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor
    """
    return minus(nn, operand(nn, other, nn.out.dtype), _scaled(nn, self, alpha))


@lowering(aten.mul.Tensor, aten.mul.Scalar, layout=Layout.SAME, limitations=[INT64_OVERFLOW])
def mul(nn: Context, self: Value, other: Value | Number) -> Value:
    """
    mul.Tensor(Tensor self, Tensor other) -> Tensor
    mul.Scalar(Tensor self, Scalar other) -> Tensor
    """
    dtype = nn.out.dtype
    return times(nn, operand(nn, self, dtype), operand(nn, other, dtype))


@lowering(aten.neg.default, layout=Layout.ANY, limitations=[INT64_OVERFLOW])
def neg(nn: Context, self: Value) -> Value:
    """neg(Tensor self) -> Tensor"""
    return negative(nn, self)


@lowering(aten.abs.default, layout=Layout.ANY, limitations=[INT64_OVERFLOW])
def abs(nn: Context, self: Value) -> Value:
    """abs(Tensor self) -> Tensor"""
    if self.dtype.is_floating_point and nn.level < 29:
        return plus(nn, nn.emit(ops.RELU, input=self), nn.emit(ops.RELU, input=negative(nn, self)))
    if self.dtype.is_floating_point:
        return nn.emit(ops.ABS, input=self)
    bounds = self.bounds | -self.bounds
    bounds = _checked(self.dtype, Bounds(max(self.bounds.least, 0), bounds.greatest))
    if nn.level >= 30:
        return nn.emit(ops.ABS, input=self).bounded(bounds)
    return nn.emit(ops.MAXIMUM, a=self, b=nn.emit(ops.NEG, input=self)).bounded(bounds)


@lowering(aten.square.default, layout=Layout.ANY, limitations=[INT64_OVERFLOW])
def square(nn: Context, self: Value) -> Value:
    """square(Tensor self) -> Tensor"""
    value = nn.cast(self, nn.out.dtype)
    return times(nn, value, value)


@lowering(aten.addcmul.default, layout=Layout.SAME, limitations=[INT64_OVERFLOW])
def addcmul(nn: Context, self: Value, tensor1: Value, tensor2: Value, value: Number) -> Value:
    """addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor"""
    dtype = nn.out.dtype
    a, b, c = (nn.cast(one, dtype) for one in (self, tensor1, tensor2))
    return plus(nn, a, times(nn, b if value == 1 else times(nn, b, operand(nn, value, dtype)), c))


@lowering(aten.lerp.Tensor, aten.lerp.Scalar, layout=Layout.SAME)
def lerp(nn: Context, self: Value, end: Value, weight: Value | Number) -> Value:
    """
    lerp.Tensor(Tensor self, Tensor end, Tensor weight) -> Tensor
    lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor
    """
    dtype = nn.out.dtype
    a, b = nn.cast(self, dtype), nn.cast(end, dtype)
    w = operand(nn, weight, dtype)
    if isinstance(weight, Value):
        # a + w (b - a) loses b where w is 1; both halves exact: a (1 - w) + b w.
        rest = minus(nn, nn.constant(1, dtype), w)
        return plus(nn, times(nn, a, rest), times(nn, b, w))
    if weight < 0.5:
        return plus(nn, a, times(nn, minus(nn, b, a), w))
    return minus(nn, b, times(nn, minus(nn, b, a), nn.constant(1 - weight, dtype)))


def plus(nn: Context, a: Value, b: Value) -> Value:
    """``a + b`` of one dtype; of booleans, ``a or b``."""
    if a.dtype is torch.bool:
        return nn.emit(ops.LOGICAL_OR, a=a, b=b)
    return _emit(nn, ops.ADD, a, b, a.bounds + b.bounds)


def minus(nn: Context, a: Value, b: Value) -> Value:
    """``a - b`` of one dtype."""
    if nn.level < 28:
        return plus(nn, a, negative(nn, b))
    return _emit(nn, ops.SUB, a, b, a.bounds - b.bounds)


def times(nn: Context, a: Value, b: Value) -> Value:
    """``a * b`` of one dtype; of booleans, ``a and b``."""
    if a.dtype is torch.bool:
        return nn.emit(ops.LOGICAL_AND, a=a, b=b)
    return _emit(nn, ops.MUL, a, b, a.bounds * b.bounds)


def negative(nn: Context, value: Value) -> Value:
    """``-value``."""
    if value.dtype.is_floating_point:
        if nn.level < 29:
            return times(nn, value, nn.constant(-1, value.dtype))
        return nn.emit(ops.NEG, input=value)
    return nn.emit(ops.NEG, input=value).bounded(_checked(value.dtype, -value.bounds))


def _scaled(nn: Context, value: Value | Number, alpha: Number) -> Value:
    dtype = nn.out.dtype
    if not isinstance(value, Value):
        return operand(nn, value * alpha, dtype)
    if alpha == 1:
        return nn.cast(value, dtype)
    return times(nn, nn.cast(value, dtype), operand(nn, alpha, dtype))


def _emit(nn: Context, spec: OperationSpec, a: Value, b: Value, bounds: Bounds) -> Value:
    dtype = a.dtype
    if a.quant is not None or b.quant is not None or a.spec.is_byte:
        # Of bytes that are the numbers it is refused there.
        return nn.emit(spec, a=a, b=b)
    if dtype.is_floating_point:
        return _roughly_bounded(nn.emit(spec, a=a, b=b), bounds)
    bounds = _checked(dtype, bounds)
    exact = all(one.exact_in_float32 for one in (a.bounds, b.bounds, bounds))
    if nn.level >= 30 or not exact:
        return nn.emit(spec, a=a, b=b, dtype=dtype).bounded(bounds)
    # Before level 30 there is no integer arithmetic, but floats hold these integers exactly.
    result = nn.emit(spec, a=nn.cast(a, torch.float32), b=nn.cast(b, torch.float32))
    return nn.cast(result, torch.int32).bounded(bounds)


def _roughly_bounded(result: Value, bounds: Bounds) -> Value:
    """Floats, whose bounds are rounded as they are themselves, on some devices to float16."""
    if not math.isfinite(bounds.greatest - bounds.least):
        return result
    room = max(-bounds.least, bounds.greatest, 0.0) * _ROUNDED
    return result.bounded(Bounds(bounds.least - room, bounds.greatest + room))


def _checked(dtype: torch.dtype, bounds: Bounds) -> Bounds:
    """The bounds of an integer result: int32 wraps around as torch's does, int64 must not."""
    if bounds.fits_int32:
        return bounds
    if dtype is torch.int64:
        raise Unsupported(
            "the int64 result may leave int32, which is all that NNAPI has; cast to torch.int32, "
            "or to float, before",
            least=bounds.least,
            greatest=bounds.greatest,
        )
    return Bounds(-(2**31), 2**31 - 1)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
