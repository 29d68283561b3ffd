"""What is known of a tensor's numbers: int64 arithmetic is safe in NNAPI's int32 only within bounds."""

from __future__ import annotations

import math

from attrs import frozen

_INT32 = (-(2**31), 2**31 - 1)


@frozen
class Bounds:
    """The least and the greatest number that a tensor can hold; of two, what arithmetic makes of them."""

    least: float
    greatest: float

    def within(self, least: float, greatest: float) -> bool:
        return least <= self.least and self.greatest <= greatest

    @property
    def fits_int32(self) -> bool:
        return self.within(*_INT32)

    @property
    def exact_in_float32(self) -> bool:
        """Are all integers in between float32 numbers?"""
        return self.within(-(2**24), 2**24)

    def __neg__(self) -> Bounds:
        return Bounds(-self.greatest, -self.least)

    def __add__(self, other: Bounds) -> Bounds:
        return Bounds(self.least + other.least, self.greatest + other.greatest)

    def __sub__(self, other: Bounds) -> Bounds:
        return self + -other

    def __mul__(self, other: Bounds) -> Bounds:
        corners = [
            _product(a, b)
            for a in (self.least, self.greatest)
            for b in (other.least, other.greatest)
        ]
        return Bounds(min(corners), max(corners))

    def __or__(self, other: Bounds) -> Bounds:
        """Of a tensor with elements from both."""
        return Bounds(min(self.least, other.least), max(self.greatest, other.greatest))

    def clamped(self, least: float, greatest: float) -> Bounds:
        return Bounds(
            min(max(self.least, least), greatest), min(max(self.greatest, least), greatest)
        )


def _product(a: float, b: float) -> float:
    return 0 if a == 0 or b == 0 else a * b


UNKNOWN = Bounds(-math.inf, math.inf)
ANY_INT32 = Bounds(*_INT32)
TRUTH = Bounds(0, 1)
