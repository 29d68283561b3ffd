"""Sines, their relatives, and their inverses.

NNAPI has the sine alone. The rest is computed from it, or by a polynomial (minimax, fitted in double precision).
`INVERSE_ERROR` and `TANGENT_ERROR` are bounds of the errors, which property tests hold them to.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Limitation,
    Lowering,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.arithmetic._polynomial import in_float32, polynomial
from nnapi_ops.arithmetic.add_sub_mul import minus, negative, plus, times
from nnapi_ops.arithmetic.division import quotient
from nnapi_ops.arithmetic.maximum_minimum import larger, smaller
from nnapi_ops.arithmetic.rounding import below_zero
from nnapi_ops.arithmetic.where_masked_fill import chosen

aten = torch.ops.aten

INVERSE_ERROR = 1e-6
"""Absolute, of asin, acos, atan and atan2."""
TANGENT_ERROR = 2e-6
"""Relative, of tan for arguments up to 8192."""

# atan(z) / z for z from 0 to 1, by powers of z**2.
_ATAN = (
    1.0, -0.3333309292793274, 0.19993054866790771, -0.14207133650779724, 0.1065467894077301,
    -0.07533678412437439, 0.04303939267992973, -0.016283022239804268, 0.002903555752709508,
)  # fmt: skip
# asin(z) / z for z from 0 to 1/2, by powers of z**2.
_ASIN = (
    1.0, 0.16666792333126068, 0.0749436765909195, 0.045557692646980286, 0.023823939263820648,
    0.042690303176641464,
)  # fmt: skip
# pi/2 as a sum of numbers so short that products with integers up to 2**12 are exact (Cody and Waite).
_HALF_PI = (1.5703125, 4.837512969970703e-4, 7.549789954891882e-8)

_APPROXIMATION = Limitation(f"computed by polynomials, with an error of up to {INVERSE_ERROR:.0e}")
_LARGE_ANGLES = Limitation(
    f"a relative error of up to {TANGENT_ERROR:.0e} for arguments up to 8192"
)


@lowering(aten.sin.default, layout=Layout.ANY)
def sin(nn: Context, self: Value) -> Value:
    """sin(Tensor self) -> Tensor"""
    return nn.emit(ops.SIN, input=nn.cast(self, nn.out.dtype))


@lowering(aten.cos.default, layout=Layout.ANY)
def cos(nn: Context, self: Value) -> Value:
    """
    cos(Tensor self) -> Tensor

    By the sine of the half, since adding pi/2 would lose what a large argument holds.
    """
    return in_float32(nn, self, lambda x: _cosine(nn, x))


@lowering(
    aten.tan.default,
    layout=Layout.ANY,
    limitations=[_LARGE_ANGLES],
    special_values="of large angles, the fraction of a turn is not as precise",
)
def tan(nn: Context, self: Value) -> Value:
    """tan(Tensor self) -> Tensor"""
    return in_float32(nn, self, lambda x: _tangent(nn, x))


@lowering(aten.atan.default, layout=Layout.ANY, limitations=[_APPROXIMATION])
def atan(nn: Context, self: Value) -> Value:
    """atan(Tensor self) -> Tensor"""

    def of_size(size: Value) -> Value:
        one = nn.filled(size, 1)
        angle = _atan_below_one(nn, smaller(nn, size, quotient(nn, one, size)))
        steep = nn.emit(ops.GREATER, a=size, b=one)
        return chosen(nn, steep, minus(nn, nn.filled(size, math.pi / 2), angle), angle)

    return in_float32(nn, self, lambda x: _odd(nn, x, of_size))


@lowering(
    aten.atan2.default,
    aten.arctan2.default,
    layout=Layout.SAME,
    limitations=[_APPROXIMATION],
    special_values="of denormal numbers, whose quotient is not as precise",
)
def atan2(nn: Context, self: Value, other: Value) -> Value:
    """
    atan2(Tensor self, Tensor other) -> Tensor
    arctan2(Tensor self, Tensor other) -> Tensor
    """
    y, x = nn.cast(self, torch.float32), nn.cast(other, torch.float32)
    # Infinity by infinity is 1, and 0 by 0 is 0.
    largest, tiny = nn.filled(x, torch.finfo(torch.float32).max), nn.filled(x, 1e-38)
    sizes = [smaller(nn, nn.emit(ops.ABS, input=one), largest) for one in (x, y)]
    long = larger(nn, larger(nn, *sizes), tiny)
    angle = _atan_below_one(nn, quotient(nn, smaller(nn, *sizes), long))
    steep = nn.emit(ops.GREATER, a=sizes[1], b=sizes[0])
    angle = chosen(nn, steep, minus(nn, nn.filled(x, math.pi / 2), angle), angle)
    back = minus(nn, nn.filled(x, math.pi), angle)
    angle = chosen(nn, below_zero(nn, x), back, angle)
    return nn.cast(chosen(nn, below_zero(nn, y), negative(nn, angle), angle), nn.out.dtype)


@lowering(aten.asin.default, layout=Layout.ANY, limitations=[_APPROXIMATION])
def asin(nn: Context, self: Value) -> Value:
    """asin(Tensor self) -> Tensor"""

    def of_size(size: Value) -> Value:
        angle, is_large = _arcsine(nn, size)
        return chosen(nn, is_large, _from(nn, math.pi / 2, angle), angle)

    return in_float32(nn, self, lambda x: _odd(nn, x, of_size))


@lowering(aten.acos.default, layout=Layout.ANY, limitations=[_APPROXIMATION])
def acos(nn: Context, self: Value) -> Value:
    """acos(Tensor self) -> Tensor"""

    def function(x: Value) -> Value:
        angle, is_large = _arcsine(nn, nn.emit(ops.ABS, input=x))
        is_left = nn.emit(ops.LESS, a=x, b=nn.filled(x, 0))
        signed = chosen(nn, is_left, negative(nn, angle), angle)
        large = chosen(nn, is_left, _from(nn, math.pi, angle), angle)
        return chosen(nn, is_large, large, _from(nn, math.pi / 2, signed))

    return in_float32(nn, self, function)


def _cosine(nn: Context, x: Value) -> Value:
    half = nn.emit(ops.SIN, input=times(nn, x, nn.filled(x, 0.5)))
    square = times(nn, half, half)
    return minus(nn, nn.filled(x, 1), plus(nn, square, square))


def _tangent(nn: Context, x: Value) -> Value:
    """sin/cos of what is left of quarter turns, or -cos/sin after an odd number of them."""
    half = nn.filled(x, 0.5)
    turns = nn.emit(ops.FLOOR, input=plus(nn, times(nn, x, nn.filled(x, 2 / math.pi)), half))
    rest = x
    for part in _HALF_PI:
        rest = minus(nn, rest, times(nn, turns, nn.filled(x, part)))
    sine, cosine = nn.emit(ops.SIN, input=rest), _cosine(nn, rest)
    halved = times(nn, turns, half)
    is_odd = nn.emit(ops.NOT_EQUAL, a=nn.emit(ops.FLOOR, input=halved), b=halved)
    above = chosen(nn, is_odd, negative(nn, cosine), sine)
    return quotient(nn, above, chosen(nn, is_odd, sine, cosine))


def _atan_below_one(nn: Context, z: Value) -> Value:
    return times(nn, z, polynomial(nn, times(nn, z, z), _ATAN))


def _arcsine(nn: Context, size: Value) -> tuple[Value, Value]:
    """For a size up to 1/2 its arcsine, above it its arccosine, and whether it is above.

    asin(z) = pi/2 - 2 asin(sqrt((1 - z) / 2)), which keeps the argument of the polynomial below 1/2.
    """
    half = nn.filled(size, 0.5)
    is_large = nn.emit(ops.GREATER, a=size, b=half)
    complement = minus(nn, half, times(nn, size, half))
    square = chosen(nn, is_large, complement, times(nn, size, size))
    root = chosen(nn, is_large, nn.emit(ops.SQRT, input=complement), size)
    angle = times(nn, root, polynomial(nn, square, _ASIN))
    return chosen(nn, is_large, plus(nn, angle, angle), angle), is_large


def _odd(nn: Context, x: Value, of_size: Callable[[Value], Value]) -> Value:
    """An odd function, by what it is for positive arguments."""
    result = of_size(nn.emit(ops.ABS, input=x))
    is_left = nn.emit(ops.LESS, a=x, b=nn.filled(x, 0))
    return chosen(nn, is_left, negative(nn, result), result)


def _from(nn: Context, number: float, value: Value) -> Value:
    return minus(nn, nn.filled(value, number), value)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
