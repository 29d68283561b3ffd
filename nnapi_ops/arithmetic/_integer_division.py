"""Quotients rounded to integers, and what remains, exactly.

A float quotient that rounds up to an integer has lost what tells its floor. So the remainder is computed without
rounding (products of half-length factors are exact), and corrects the quotient by one where it is negative.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from nnapi_core.plugin import Bounds, Context, Unsupported, Value, ops
from nnapi_ops.arithmetic.add_sub_mul import minus, negative, plus, times
from nnapi_ops.arithmetic.where_masked_fill import chosen

# Half of float32's 24 bits; multiplying by 1 + 2**12 splits a number there (Veltkamp).
_HALF = 1 << 12
# Beyond, the split overflows.
_LARGEST = 1e34

Array = np.ndarray[Any, Any]


def floored(nn: Context, a: Value, b: Value) -> Value:
    """``floor(a / b)`` of one dtype, as torch's ``rounding_mode="floor"`` means it."""
    _check(a, b)
    if not a.dtype.is_floating_point:
        return _floored_integers(nn, a, b)
    wide, divisor = nn.cast(a, torch.float32), nn.cast(b, torch.float32)
    size, rest = _divided(nn, wide, divisor)
    zero = nn.constant(0.0, torch.float32)
    up = plus(nn, size, nn.constant(1.0, torch.float32))
    away = chosen(nn, nn.emit(ops.NOT_EQUAL, a=rest, b=zero), up, size)
    result = chosen(nn, _signs_differ(nn, wide, divisor), negative(nn, away), size)
    # Nothing remains of an infinite dividend but NaN, which is the result then.
    result = plus(nn, result, minus(nn, rest, rest))
    by_zero = nn.emit(ops.EQUAL, a=divisor, b=zero)
    if not _is_constant_without_zero(b):
        result = chosen(nn, by_zero, nn.emit(ops.DIV, a=wide, b=divisor), result)
    return nn.cast(result, a.dtype)


def truncated(nn: Context, a: Value, b: Value) -> Value:
    """``trunc(a / b)`` of one dtype; of floats, torch rounds the quotient first, and so does this."""
    _check(a, b)
    if a.dtype.is_floating_point:
        return truncated_to_integers(nn, nn.emit(ops.DIV, a=a, b=b))
    if nn.level < 30:
        bounds = _quotient_bounds(a, b)
        return nn.cast(
            truncated_to_integers(nn, _float_quotient(nn, a, b)).bounded(bounds), a.dtype
        )
    down = _floored_integers(nn, a, b)
    inexact = nn.emit(ops.NOT_EQUAL, a=nn.emit(ops.MUL, a=down, b=b), b=a)
    below = nn.emit(ops.LESS, a=down, b=nn.constant(0, a.dtype))
    up = nn.emit(ops.ADD, a=down, b=nn.constant(1, a.dtype)).bounded(down.bounds)
    return chosen(nn, nn.emit(ops.LOGICAL_AND, a=inexact, b=below), up, down)


def remaining(nn: Context, a: Value, b: Value, *, of_divisor: bool) -> Value:
    """What remains of ``a / b``, with the sign of the divisor (``remainder``) or of the dividend (``fmod``)."""
    _check(a, b)
    if not a.dtype.is_floating_point:
        return _remaining_integers(nn, a, b, floored if of_divisor else truncated)
    wide, divisor = nn.cast(a, torch.float32), nn.cast(b, torch.float32)
    zero = nn.constant(0.0, torch.float32)
    _, size = _divided(nn, wide, divisor)
    rest = chosen(nn, nn.emit(ops.LESS, a=wide, b=zero), negative(nn, size), size)
    if of_divisor:
        differ = _signs_differ(nn, rest, divisor)
        some = nn.emit(ops.NOT_EQUAL, a=rest, b=zero)
        other_side = nn.emit(ops.LOGICAL_AND, a=differ, b=some)
        rest = chosen(nn, other_side, plus(nn, rest, divisor), rest)
    return nn.cast(rest, a.dtype)


def truncated_to_integers(nn: Context, value: Value) -> Value:
    """``value.trunc()`` of floats."""
    if nn.level < 29:
        raise Unsupported("rounding towards zero needs feature level 29")
    down = nn.emit(ops.FLOOR, input=nn.emit(ops.ABS, input=value))
    below = nn.emit(ops.LESS, a=value, b=nn.filled(value, 0))
    return chosen(nn, below, negative(nn, down), down)


def _divided(nn: Context, a: Value, b: Value) -> tuple[Value, Value]:
    """The whole quotient of the absolute values, and what remains."""
    a, b = nn.emit(ops.ABS, input=a), _size(nn, b)
    whole = nn.emit(ops.FLOOR, input=nn.emit(ops.DIV, a=a, b=b))
    rest = _rest(nn, a, b, whole)
    beyond = nn.emit(ops.LESS, a=rest, b=nn.constant(0.0, torch.float32))
    fewer = minus(nn, whole, nn.constant(1.0, torch.float32))
    return chosen(nn, beyond, fewer, whole), chosen(nn, beyond, plus(nn, rest, b), rest)


def _rest(nn: Context, a: Value, b: Value, quotient: Value) -> Value:
    """``a - quotient * b`` without rounding."""
    product = times(nn, quotient, b)
    difference = minus(nn, a, product)
    if b.is_constant and _has_two_bits(b.array()):
        return difference
    high, low = _split(nn, b)
    upper = times(
        nn,
        nn.filled(quotient, _HALF),
        _floor(nn, times(nn, quotient, nn.filled(quotient, 1 / _HALF))),
    )
    lower = minus(nn, quotient, upper)
    error = minus(nn, times(nn, upper, high), product)
    pairs = [(upper, low), (lower, high), (lower, low)] if low else [(lower, high)]
    for x, y in pairs:
        error = plus(nn, error, times(nn, x, y))
    return minus(nn, difference, error)


def _has_two_bits(array: Array) -> bool:
    """Are these numbers so short (1, 2, 3, 0.75 …) that a quotient below 2**22 times any is exact?"""
    mantissa, _ = np.frexp(np.abs(array.astype(np.float64)))
    return bool((mantissa * 4 == np.floor(mantissa * 4)).all())


def _split(nn: Context, b: Value) -> tuple[Value, Value | None]:
    """A number as the sum of two with half the bits; None: the lower one is zero for all elements."""
    if b.is_constant:
        array = b.array().astype(np.float32)
        scaled = array * np.float32(_HALF + 1)
        high = scaled - (scaled - array)
        low = array - high
        return nn.constant(high), nn.constant(low) if low.any() else None
    factor = times(nn, b, nn.filled(b, _HALF + 1))
    upper = minus(nn, factor, minus(nn, factor, b))
    return upper, minus(nn, b, upper)


def _remaining_integers(
    nn: Context, a: Value, b: Value, divide: Callable[[Context, Value, Value], Value]
) -> Value:
    largest = max(abs(b.bounds.least), abs(b.bounds.greatest)) - 1
    bounds = Bounds(-largest, largest).clamped(-(2**31), 2**31 - 1)
    whole = divide(nn, a, b)
    if nn.level >= 30:
        # The product may wrap around; so does the difference, back to where it belongs.
        return nn.emit(ops.SUB, a=a, b=nn.emit(ops.MUL, a=whole, b=b)).bounded(bounds)
    floats = [nn.cast(one, torch.float32) for one in (a, whole, b)]
    rest = minus(nn, floats[0], times(nn, floats[1], floats[2]))
    return nn.cast(rest.bounded(bounds), a.dtype)


def _floored_integers(nn: Context, a: Value, b: Value) -> Value:
    bounds = _quotient_bounds(a, b)
    if nn.level >= 30:
        return nn.emit(ops.DIV, a=a, b=b, dtype=a.dtype).bounded(bounds)
    return nn.cast(_floor(nn, _float_quotient(nn, a, b)).bounded(bounds), a.dtype)


def _float_quotient(nn: Context, a: Value, b: Value) -> Value:
    """Of integers so small that rounding it never reaches the next integer."""
    if not (a.bounds.exact_in_float32 and b.bounds.exact_in_float32):
        raise Unsupported("dividing integers beyond 2**24 needs feature level 30")
    return nn.emit(ops.DIV, a=nn.cast(a, torch.float32), b=nn.cast(b, torch.float32))


def _quotient_bounds(a: Value, b: Value) -> Bounds:
    """No quotient is larger than the dividend; only the least int32 has none by -1."""
    largest = max(abs(a.bounds.least), abs(a.bounds.greatest))
    if largest >= 2**31 and b.bounds.least <= -1 <= b.bounds.greatest and a.dtype is torch.int64:
        raise Unsupported("the int64 quotient of -2**31 by -1 leaves int32")
    return Bounds(-largest, largest).clamped(-(2**31), 2**31 - 1)


def _check(a: Value, b: Value) -> None:
    if a.dtype is torch.bool:
        raise Unsupported("whole quotients of booleans")
    if not b.is_constant:
        return
    if a.dtype.is_floating_point:
        largest = float(np.abs(b.array().astype(np.float64)).max())
        if not largest <= _LARGEST:
            raise Unsupported("the divisor is too large", divisor=largest, most=_LARGEST)
    elif not _is_constant_without_zero(b):
        raise Unsupported("an integer division by zero")


def _is_constant_without_zero(b: Value) -> bool:
    return b.is_constant and bool(b.array().all())


def _size(nn: Context, value: Value) -> Value:
    if value.is_constant:
        return nn.constant(np.abs(value.array()), value.dtype)
    # By infinity, nothing is divided and all remains, as by any number this large.
    size = nn.emit(ops.ABS, input=value)
    return nn.emit(ops.MINIMUM, a=size, b=nn.filled(value, _LARGEST))


def _floor(nn: Context, value: Value) -> Value:
    return nn.emit(ops.FLOOR, input=value)


def _signs_differ(nn: Context, a: Value, b: Value) -> Value:
    below = [nn.emit(ops.LESS, a=one, b=nn.constant(0.0, torch.float32)) for one in (a, b)]
    return nn.emit(ops.NOT_EQUAL, a=below[0], b=below[1])
