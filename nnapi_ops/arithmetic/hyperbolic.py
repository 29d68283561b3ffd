"""Hyperbolic functions and their inverses, so that neither small arguments lose digits nor large ones overflow."""

from __future__ import annotations

import math

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
from nnapi_ops.arithmetic._polynomial import in_float32
from nnapi_ops.arithmetic.add_sub_mul import minus, negative, plus, times
from nnapi_ops.arithmetic.division import quotient
from nnapi_ops.arithmetic.exp_log_pow import log_one_plus
from nnapi_ops.arithmetic.where_masked_fill import chosen

aten = torch.ops.aten

# Above, adding or taking 1 under the root changes nothing in float32.
_LARGE = 1e4


@lowering(aten.sinh.default, layout=Layout.ANY)
def sinh(nn: Context, self: Value) -> Value:
    """sinh(Tensor self) -> Tensor"""

    def function(x: Value) -> Value:
        # Near 0 the two exponentials cancel: there it is 2 t / (1 - t**2) for t = tanh(x / 2).
        one = nn.filled(x, 1)
        t = nn.emit(ops.TANH, input=times(nn, x, nn.filled(x, 0.5)))
        small = quotient(nn, plus(nn, t, t), minus(nn, one, times(nn, t, t)))
        growing, falling = _halved_exponentials(nn, x)
        is_large = nn.emit(ops.GREATER, a=nn.emit(ops.ABS, input=x), b=one)
        return chosen(nn, is_large, minus(nn, growing, falling), small)

    return in_float32(nn, self, function)


@lowering(aten.cosh.default, layout=Layout.ANY)
def cosh(nn: Context, self: Value) -> Value:
    """cosh(Tensor self) -> Tensor"""
    return in_float32(nn, self, lambda x: plus(nn, *_halved_exponentials(nn, x)))


@lowering(aten.asinh.default, layout=Layout.ANY)
def asinh(nn: Context, self: Value) -> Value:
    """asinh(Tensor self) -> Tensor"""

    def function(x: Value) -> Value:
        size, one = nn.emit(ops.ABS, input=x), nn.filled(x, 1)
        square = times(nn, size, size)
        root = nn.emit(ops.SQRT, input=plus(nn, square, one))
        small = log_one_plus(nn, plus(nn, size, quotient(nn, square, plus(nn, root, one))))
        result = _or_log_of_double(nn, size, small)
        is_left = nn.emit(ops.LESS, a=x, b=nn.filled(x, 0))
        return chosen(nn, is_left, negative(nn, result), result)

    return in_float32(nn, self, function)


@lowering(aten.acosh.default, layout=Layout.ANY)
def acosh(nn: Context, self: Value) -> Value:
    """acosh(Tensor self) -> Tensor"""

    def function(x: Value) -> Value:
        above = minus(nn, x, nn.filled(x, 1))
        # Two roots rather than one of a product: below 1, neither exists.
        left = nn.emit(ops.SQRT, input=above)
        right = nn.emit(ops.SQRT, input=plus(nn, above, nn.filled(x, 2)))
        small = log_one_plus(nn, plus(nn, above, times(nn, left, right)))
        return _or_log_of_double(nn, x, small)

    return in_float32(nn, self, function)


@lowering(aten.atanh.default, layout=Layout.ANY)
def atanh(nn: Context, self: Value) -> Value:
    """atanh(Tensor self) -> Tensor"""

    def function(x: Value) -> Value:
        size = nn.emit(ops.ABS, input=x)
        ratio = quotient(nn, plus(nn, size, size), minus(nn, nn.filled(x, 1), size))
        result = times(nn, log_one_plus(nn, ratio), nn.filled(x, 0.5))
        is_left = nn.emit(ops.LESS, a=x, b=nn.filled(x, 0))
        return chosen(nn, is_left, negative(nn, result), result)

    return in_float32(nn, self, function)


def _halved_exponentials(nn: Context, x: Value) -> tuple[Value, Value]:
    """``exp(x) / 2`` and ``exp(-x) / 2``, by the exponential of the half, whose square may be all that fits."""
    half = nn.filled(x, 0.5)
    root = nn.emit(ops.EXP, input=times(nn, x, half))
    inverse = nn.emit(ops.EXP, input=times(nn, x, nn.filled(x, -0.5)))
    return times(nn, times(nn, root, half), root), times(nn, times(nn, inverse, half), inverse)


def _or_log_of_double(nn: Context, x: Value, small: Value) -> Value:
    """``log(2 x)`` where ``x`` is large, else ``small``."""
    large = plus(nn, nn.emit(ops.LOG, input=x), nn.filled(x, math.log(2)))
    return chosen(nn, nn.emit(ops.GREATER, a=x, b=nn.filled(x, _LARGE)), large, small)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
