"""Rounding to integers, and the sign."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable

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
from nnapi_ops.arithmetic._integer_division import truncated_to_integers
from nnapi_ops.arithmetic.add_sub_mul import minus, negative, plus, times
from nnapi_ops.arithmetic.division import quotient
from nnapi_ops.arithmetic.maximum_minimum import larger, smaller
from nnapi_ops.arithmetic.where_masked_fill import chosen

aten = torch.ops.aten


@lowering(aten.floor.default, layout=Layout.ANY)
def floor(nn: Context, self: Value) -> Value:
    """floor(Tensor self) -> Tensor"""
    if self.is_whole:
        return self
    return _bounded(nn.emit(ops.FLOOR, input=self), self, math.floor)


@lowering(aten.ceil.default, layout=Layout.ANY)
def ceil(nn: Context, self: Value) -> Value:
    """ceil(Tensor self) -> Tensor"""
    if self.is_whole:
        return self
    result = negative(nn, nn.emit(ops.FLOOR, input=negative(nn, self)))
    return _bounded(result, self, math.ceil)


@lowering(aten.trunc.default, aten.fix.default, layout=Layout.ANY)
def trunc(nn: Context, self: Value) -> Value:
    """
    trunc(Tensor self) -> Tensor
    fix(Tensor self) -> Tensor
    """
    return truncated_to_integers(nn, self) if not self.is_whole else self


@lowering(aten.frac.default, layout=Layout.ANY)
def frac(nn: Context, self: Value) -> Value:
    """frac(Tensor self) -> Tensor"""
    return minus(nn, self, truncated_to_integers(nn, self))


@lowering(aten.round.default, layout=Layout.ANY)
def round(nn: Context, self: Value) -> Value:
    """
    round(Tensor self) -> Tensor

    Half-way cases go to the even neighbour.
    """
    return _bounded(rounded(nn, self), self, builtins.round) if not self.is_whole else self


@lowering(aten.round.decimals, layout=Layout.ANY)
def round_decimals(nn: Context, self: Value, decimals: int) -> Value:
    """round.decimals(Tensor self, *, int decimals) -> Tensor"""
    if self.is_whole or decimals == 0:
        return rounded(nn, self) if not self.is_whole else self
    power = nn.filled(self, 10.0 ** abs(decimals))
    if decimals > 0:
        return quotient(nn, rounded(nn, times(nn, self, power)), power)
    return times(nn, rounded(nn, quotient(nn, self, power)), power)


@lowering(aten.sign.default, aten.sgn.default, layout=Layout.ANY)
def sign(nn: Context, self: Value) -> Value:
    """
    sign(Tensor self) -> Tensor
    sgn(Tensor self) -> Tensor

    A NaN has the sign 0.
    """
    if self.dtype is torch.bool:
        return self
    zero, one, less = (nn.constant(number, self.dtype) for number in (0, 1, -1))
    if self.is_whole:
        return smaller(nn, larger(nn, self, less), one).bounded(Bounds(-1, 1))
    above = chosen(nn, nn.emit(ops.GREATER, a=self, b=zero), one, zero)
    return chosen(nn, nn.emit(ops.LESS, a=self, b=zero), less, above).bounded(Bounds(-1, 1))


@lowering(aten.signbit.default, layout=Layout.ANY)
def signbit(nn: Context, self: Value) -> Value:
    """signbit(Tensor self) -> Tensor"""
    if self.dtype is torch.bool:
        return nn.full(self, False, torch.bool)
    if self.is_whole:
        return nn.emit(ops.LESS, a=self, b=nn.constant(0, self.dtype))
    return below_zero(nn, self)


def rounded(nn: Context, value: Value) -> Value:
    """``value.round()`` of floats: the nearest integer, of two the even one."""
    down = nn.emit(ops.FLOOR, input=value)
    fraction = minus(nn, value, down)
    half = nn.filled(value, 0.5)
    halved = times(nn, down, half)
    is_odd = nn.emit(ops.NOT_EQUAL, a=nn.emit(ops.FLOOR, input=halved), b=halved)
    tie_up = nn.emit(ops.LOGICAL_AND, a=nn.emit(ops.EQUAL, a=fraction, b=half), b=is_odd)
    up = nn.emit(ops.LOGICAL_OR, a=nn.emit(ops.GREATER, a=fraction, b=half), b=tie_up)
    return chosen(nn, up, plus(nn, down, nn.filled(value, 1)), down)


def below_zero(nn: Context, x: Value) -> Value:
    """Is the sign of a float negative? That of a zero shows in its reciprocal."""
    zero = nn.filled(x, 0)
    inverse = nn.emit(ops.DIV, a=nn.filled(x, 1), b=x)
    below = nn.emit(ops.LESS, a=x, b=zero)
    return nn.emit(ops.LOGICAL_OR, a=below, b=nn.emit(ops.LESS, a=inverse, b=zero))


def _bounded(result: Value, value: Value, function: Callable[[float], int]) -> Value:
    """What a rounding, which grows with its argument, makes of a tensor's bounds."""
    known = value.bounds
    if not math.isfinite(known.greatest - known.least):
        return result
    return result.bounded(Bounds(function(known.least), function(known.greatest)))


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
