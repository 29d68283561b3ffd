"""Quotients, whole quotients, and remainders."""

from __future__ import annotations

import math

import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Limitation,
    Lowering,
    Unsupported,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.arithmetic._integer_division import floored, remaining, truncated
from nnapi_ops.arithmetic._type_promotion import Number, operand
from nnapi_ops.arithmetic.add_sub_mul import INT64_OVERFLOW, plus, times

aten = torch.ops.aten

_RANGE = "the quotient is rounded in float32: where it overflows, or the divisor is denormal, the result is NaN or infinite"
_LARGE_QUOTIENTS = Limitation(
    "whole quotients of floats and their remainders are exact while the quotient is below 2**22 (above, float32 "
    "soon holds no neighbouring numbers) and the divisor below 1e34"
)


@lowering(
    aten.div.Tensor,
    aten.div.Scalar,
    layout=Layout.SAME,
    in_floats="NNAPI divides floats only; a divisor that is a number becomes a factor, which is integers",
)
def div(nn: Context, self: Value, other: Value | Number) -> Value:
    """
    div.Tensor(Tensor self, Tensor other) -> Tensor
    div.Scalar(Tensor self, Scalar other) -> Tensor
    """
    return quotient(nn, nn.cast(self, nn.out.dtype), _divisor(nn, other, nn.out.dtype))


@lowering(
    aten.div.Tensor_mode,
    aten.div.Scalar_mode,
    layout=Layout.SAME,
    limitations=[_LARGE_QUOTIENTS, INT64_OVERFLOW],
    special_values=_RANGE,
)
def div_mode(nn: Context, self: Value, other: Value | Number, rounding_mode: str | None) -> Value:
    """
    div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor
    div.Scalar_mode(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor
    """
    dtype = nn.out.dtype
    a = nn.cast(self, dtype)
    if rounding_mode is None:
        return quotient(nn, a, _divisor(nn, other, dtype))
    divide = floored if rounding_mode == "floor" else truncated
    return divide(nn, a, operand(nn, other, dtype))


@lowering(
    aten.floor_divide.default,
    aten.floor_divide.Scalar,
    layout=Layout.SAME,
    limitations=[_LARGE_QUOTIENTS, INT64_OVERFLOW],
    special_values=_RANGE,
)
def floor_divide(nn: Context, self: Value, other: Value | Number) -> Value:
    """
    floor_divide(Tensor self, Tensor other) -> Tensor
    floor_divide.Scalar(Tensor self, Scalar other) -> Tensor
    """
    dtype = nn.out.dtype
    return floored(nn, nn.cast(self, dtype), operand(nn, other, dtype))


@lowering(
    aten.remainder.Tensor,
    aten.remainder.Scalar,
    aten.remainder.Scalar_Tensor,
    layout=Layout.SAME,
    limitations=[_LARGE_QUOTIENTS, INT64_OVERFLOW],
    special_values=_RANGE,
)
def remainder(nn: Context, self: Value | Number, other: Value | Number) -> Value:
    """
    remainder.Tensor(Tensor self, Tensor other) -> Tensor
    remainder.Scalar(Tensor self, Scalar other) -> Tensor
    remainder.Scalar_Tensor(Scalar self, Tensor other) -> Tensor
    """
    dtype = nn.out.dtype
    return remaining(nn, operand(nn, self, dtype), operand(nn, other, dtype), of_divisor=True)


@lowering(
    aten.fmod.Tensor,
    aten.fmod.Scalar,
    layout=Layout.SAME,
    limitations=[_LARGE_QUOTIENTS, INT64_OVERFLOW],
    special_values=_RANGE,
)
def fmod(nn: Context, self: Value, other: Value | Number) -> Value:
    """
    fmod.Tensor(Tensor self, Tensor other) -> Tensor
    fmod.Scalar(Tensor self, Scalar other) -> Tensor
    """
    dtype = nn.out.dtype
    return remaining(nn, operand(nn, self, dtype), operand(nn, other, dtype), of_divisor=False)


@lowering(aten.reciprocal.default, layout=Layout.ANY)
def reciprocal(nn: Context, self: Value) -> Value:
    """reciprocal(Tensor self) -> Tensor"""
    dtype = nn.out.dtype
    return nn.emit(ops.DIV, a=nn.constant(1, dtype), b=nn.cast(self, dtype))


@lowering(aten.addcdiv.default, layout=Layout.SAME)
def addcdiv(nn: Context, self: Value, tensor1: Value, tensor2: Value, value: Number) -> Value:
    """addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor"""
    dtype = nn.out.dtype
    a, b, c = (nn.cast(one, dtype) for one in (self, tensor1, tensor2))
    scaled = b if value == 1 else times(nn, b, operand(nn, value, dtype))
    return plus(nn, a, quotient(nn, scaled, c))


def quotient(nn: Context, a: Value, b: Value | Number) -> Value:
    """``a / b`` of floats."""
    if isinstance(b, (int, float)):
        if nn.level >= 28:
            return nn.emit(ops.DIV, a=a, b=nn.filled(a, b))
        if b == 0 or not math.isfinite(1 / b) or not math.isfinite(b):
            raise Unsupported("DIV needs feature level 28", divisor=b)
        return times(nn, a, nn.filled(a, 1 / b))
    return nn.emit(ops.DIV, a=a, b=b)


def _divisor(nn: Context, other: Value | Number, dtype: torch.dtype) -> Value | Number:
    return nn.cast(other, dtype) if isinstance(other, Value) else other


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
