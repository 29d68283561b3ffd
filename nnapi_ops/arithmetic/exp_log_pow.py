"""Exponentials, logarithms, powers and roots."""

from __future__ import annotations

import math

import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Lowering,
    Unsupported,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.arithmetic._polynomial import in_float32
from nnapi_ops.arithmetic._type_promotion import Number, operand
from nnapi_ops.arithmetic.add_sub_mul import INT64_OVERFLOW, minus, plus, times
from nnapi_ops.arithmetic.division import quotient
from nnapi_ops.arithmetic.maximum_minimum import larger, smaller
from nnapi_ops.arithmetic.where_masked_fill import chosen

aten = torch.ops.aten

_LARGEST = torch.finfo(torch.float32).max


@lowering(aten.exp.default, layout=Layout.ANY)
def exp(nn: Context, self: Value) -> Value:
    """exp(Tensor self) -> Tensor"""
    return nn.emit(ops.EXP, input=nn.cast(self, nn.out.dtype))


@lowering(aten.exp2.default, layout=Layout.ANY)
def exp2(nn: Context, self: Value) -> Value:
    """exp2(Tensor self) -> Tensor"""
    exponent = nn.cast(self, nn.out.dtype)
    return nn.emit(ops.POW, base=nn.filled(exponent, 2), exponent=exponent)


@lowering(aten.expm1.default, layout=Layout.ANY)
def expm1(nn: Context, self: Value) -> Value:
    """expm1(Tensor self) -> Tensor"""
    return in_float32(nn, self, lambda x: exponential_minus_one(nn, x))


@lowering(aten.log.default, layout=Layout.ANY)
def log(nn: Context, self: Value) -> Value:
    """log(Tensor self) -> Tensor"""
    return nn.emit(ops.LOG, input=nn.cast(self, nn.out.dtype))


@lowering(aten.log2.default, layout=Layout.ANY)
def log2(nn: Context, self: Value) -> Value:
    """log2(Tensor self) -> Tensor"""
    return in_float32(nn, self, lambda x: _logarithm(nn, x, 2))


@lowering(aten.log10.default, layout=Layout.ANY)
def log10(nn: Context, self: Value) -> Value:
    """log10(Tensor self) -> Tensor"""
    return in_float32(nn, self, lambda x: _logarithm(nn, x, 10))


@lowering(aten.log1p.default, layout=Layout.ANY)
def log1p(nn: Context, self: Value) -> Value:
    """log1p(Tensor self) -> Tensor"""
    return in_float32(nn, self, lambda x: log_one_plus(nn, x))


@lowering(aten.sqrt.default, layout=Layout.ANY)
def sqrt(nn: Context, self: Value) -> Value:
    """sqrt(Tensor self) -> Tensor"""
    return nn.emit(ops.SQRT, input=nn.cast(self, nn.out.dtype))


@lowering(aten.rsqrt.default, layout=Layout.ANY)
def rsqrt(nn: Context, self: Value) -> Value:
    """rsqrt(Tensor self) -> Tensor"""
    return nn.emit(ops.RSQRT, input=nn.cast(self, nn.out.dtype))


@lowering(aten.pow.Tensor_Scalar, layout=Layout.ANY, limitations=[INT64_OVERFLOW])
def pow_number(nn: Context, self: Value, exponent: Number) -> Value:
    """pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor"""
    base = nn.cast(self, nn.out.dtype)
    return powered(nn, base, exponent)


@lowering(aten.pow.Tensor_Tensor, aten.pow.Scalar, layout=Layout.SAME)
def pow(nn: Context, self: Value | Number, exponent: Value) -> Value:
    """
    pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor
    pow.Scalar(Scalar self, Tensor exponent) -> Tensor
    """
    dtype = nn.out.dtype
    if not dtype.is_floating_point:
        raise Unsupported("integers to a power that is a tensor: NNAPI's POW takes floats")
    return nn.emit(ops.POW, base=operand(nn, self, dtype), exponent=nn.cast(exponent, dtype))


@lowering(
    aten.hypot.default,
    layout=Layout.SAME,
    special_values="of an infinity the result is NaN, not infinite",
)
def hypot(nn: Context, self: Value, other: Value) -> Value:
    """
    hypot(Tensor self, Tensor other) -> Tensor

    Scaled by the larger side, so that no square overflows.
    """
    a, b = (nn.emit(ops.ABS, input=nn.cast(one, nn.out.dtype)) for one in (self, other))
    smallest = nn.filled(a, torch.finfo(nn.out.dtype).tiny)
    long = larger(nn, larger(nn, a, b), smallest)
    ratio = quotient(nn, smaller(nn, a, b), long)
    one = nn.filled(a, 1)
    return times(nn, long, nn.emit(ops.SQRT, input=plus(nn, times(nn, ratio, ratio), one)))


def powered(nn: Context, base: Value, exponent: Number) -> Value:
    """``base ** exponent`` of a float, or of an integer that is multiplied by itself."""
    if exponent == 0:
        return nn.full(base, 1, base.dtype)
    if float(exponent).is_integer() and 1 <= exponent <= 4:
        result = base
        for _ in range(int(exponent) - 1):
            result = times(nn, result, base)
        return result
    if not base.dtype.is_floating_point:
        return _integer_power(nn, base, exponent)
    if exponent == 0.5:
        return nn.emit(ops.SQRT, input=base)
    if exponent == -0.5:
        return nn.emit(ops.RSQRT, input=base)
    if exponent in (-1, -2):
        return nn.emit(ops.DIV, a=nn.filled(base, 1), b=powered(nn, base, -exponent))
    return nn.emit(ops.POW, base=base, exponent=nn.filled(base, exponent))


def exponential_minus_one(nn: Context, x: Value) -> Value:
    """``exp(x) - 1`` of float32, without losing what is small."""
    large = nn.emit(ops.GREATER, a=x, b=nn.filled(x, 1))
    above = minus(nn, nn.emit(ops.EXP, input=x), nn.filled(x, 1))
    return chosen(nn, large, above, exponential_minus_one_below_one(nn, x))


def exponential_minus_one_below_one(nn: Context, x: Value) -> Value:
    """The same for ``x`` up to 1, from older operations: 2 t / (1 - t) for t = tanh(x / 2)."""
    t = nn.emit(ops.TANH, input=times(nn, x, nn.filled(x, 0.5)))
    return quotient(nn, plus(nn, t, t), minus(nn, nn.filled(x, 1), t))


def log_one_plus(nn: Context, x: Value) -> Value:
    """``log(1 + x)`` of float32, without losing what is small (Kahan).

    What rounding added to ``1 + x`` is put right by the ratio of ``x`` to what is left when 1 is taken away again.
    """
    one, largest = nn.filled(x, 1), nn.filled(x, _LARGEST)
    above = plus(nn, one, x)
    # Infinity by infinity must be 1 here.
    back = smaller(nn, minus(nn, above, one), largest)
    scaled = times(nn, nn.emit(ops.LOG, input=above), quotient(nn, smaller(nn, x, largest), back))
    return chosen(nn, nn.emit(ops.EQUAL, a=above, b=one), x, scaled)


def _logarithm(nn: Context, x: Value, base: float) -> Value:
    return times(nn, nn.emit(ops.LOG, input=x), nn.filled(x, 1 / math.log(base)))


def _integer_power(nn: Context, base: Value, exponent: Number) -> Value:
    if exponent < 0 or not float(exponent).is_integer() or exponent > 64:
        raise Unsupported("integers to this power", exponent=exponent)
    half = _integer_power(nn, base, exponent // 2) if exponent > 1 else None
    if half is None:
        return base
    square = times(nn, half, half)
    return times(nn, square, base) if exponent % 2 else square


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
