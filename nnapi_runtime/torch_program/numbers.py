"""Arithmetic of numbers as TorchScript computes it: whole ones wrap at 64 bits, the others are IEEE doubles."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

Num = int | float  # and bool, which is an int

_LEAST, _MOST = -(2**63), 2**63 - 1


def _wrapped(value: Num) -> Num:
    if isinstance(value, float) or _LEAST <= value <= _MOST:
        return value
    return ((value - _LEAST) & (2**64 - 1)) + _LEAST


def _add(a: Num, b: Num) -> Num:
    return _wrapped(a + b)


def _subtract(a: Num, b: Num) -> Num:
    return _wrapped(a - b)


def _multiply(a: Num, b: Num) -> Num:
    return _wrapped(a * b)


def _divide(a: Num, b: Num) -> float:
    a, b = float(a), float(b)
    if b != 0 or math.isnan(b):
        return a / b
    if a == 0 or math.isnan(a):
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1, b)


def _floor_divide(a: Num, b: Num) -> Num:
    if isinstance(a, int) and isinstance(b, int):
        return _wrapped(a // b)
    quotient = _divide(a, b)
    # Floor keeps the sign of a zero.
    return math.copysign(math.floor(quotient), quotient) if math.isfinite(quotient) else quotient


def _remainder(a: Num, b: Num) -> Num:
    if isinstance(a, int) and isinstance(b, int):
        return a % b
    a, b = float(a), float(b)
    return _fmod(_fmod(a, b) + b, b)


def _fmod(a: float, b: float) -> float:
    return math.nan if math.isnan(a) or math.isinf(a) or b == 0 else math.fmod(a, b)


def _power(a: Num, b: Num) -> float:
    a, b = float(a), float(b)
    if a == 0 and b < 0:
        raise ZeroDivisionError(f"{a} cannot be raised to a negative power")
    try:
        return math.pow(a, b)
    except OverflowError:
        odd = b.is_integer() and math.fmod(b, 2) != 0
        return -math.inf if a < 0 and odd else math.inf
    except ValueError:
        return math.nan


def _compared(compare: Callable[[Num, Num], bool]) -> Callable[[Num, Num], bool]:
    def compared(a: Num, b: Num) -> bool:
        if isinstance(a, float) or isinstance(b, float):
            return compare(float(a), float(b))
        return compare(a, b)

    return compared


INFIX: dict[str, Callable[[Num, Num], Num]] = {
    "+": _add,
    "-": _subtract,
    "*": _multiply,
    "/": _divide,
    "//": _floor_divide,
    "%": _remainder,
    "**": _power,
}

COMPARISONS: dict[str, Callable[[Num, Num], bool]] = {
    "==": _compared(operator.eq),
    "!=": _compared(operator.ne),
    "<": _compared(operator.lt),
    "<=": _compared(operator.le),
    ">": _compared(operator.gt),
    ">=": _compared(operator.ge),
}


def least(a: Num, b: Num) -> Num:
    """``min``: of two that do not compare, the second."""
    a, b = _alike(a, b)
    return a if a < b else b


def greatest(a: Num, b: Num) -> Num:
    a, b = _alike(a, b)
    return a if a > b else b


def _alike(a: Num, b: Num) -> tuple[Num, Num]:
    if isinstance(a, float) or isinstance(b, float):
        return float(a), float(b)
    return a, b


# ---- functions of one number


def _negated(value: Num) -> Num:
    return _wrapped(-value)


def _absolute(value: Num) -> Num:
    return _wrapped(abs(value))


def to_whole(value: Num) -> int:
    """Cut off. Raises `ValueError` for what has no whole number of 64 bits, and `OverflowError` for infinity."""
    return _within(int(value))


def _within(value: int) -> int:
    if not _LEAST <= value <= _MOST:
        raise ValueError(f"{value} is beyond 64 bits")
    return value


def _floor(value: Num) -> int:
    # TorchScript floors whole numbers as float64 too; its ceil takes them as they are.
    return _within(math.floor(float(value)))


def _ceil(value: Num) -> int:
    return _within(math.ceil(value))


def _round(value: Num) -> float:
    """Halves to even; a float, as in TorchScript."""
    value = float(value)
    return math.copysign(float(round(value)), value) if math.isfinite(value) else value


def _real(function: Callable[[float], float], undefined: float) -> Callable[[Num], float]:
    """A function of Python's, which raises where C gives ``undefined`` or infinity."""

    def computed(value: Num) -> float:
        value = float(value)
        try:
            return function(value)
        except OverflowError:
            return math.inf
        except ValueError:
            return -math.inf if value == 0 else undefined

    return computed


# By name, with the type of the result; None: the number's own.
FUNCTIONS: dict[str, tuple[Callable[[Num], Num], str | None]] = {
    "int": (to_whole, "int"),
    "float": (float, "float"),
    "bool": (bool, "bool"),
    "abs": (_absolute, None),
    "-": (_negated, None),
    "not": (operator.not_, "bool"),
    "round": (_round, "float"),
    "math.floor": (_floor, "int"),
    "math.ceil": (_ceil, "int"),
    "math.sqrt": (_real(math.sqrt, math.nan), "float"),
    "math.exp": (_real(math.exp, math.nan), "float"),
    "math.log": (_real(math.log, math.nan), "float"),
}
LOGIC: dict[str, Callable[[bool, bool], bool]] = {
    "and": lambda a, b: a and b,
    "or": lambda a, b: a or b,
}
