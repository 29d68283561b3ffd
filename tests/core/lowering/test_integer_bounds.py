"""Bounds hold whatever numbers lie within those of the operands."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.lowering.integer_bounds import Bounds

numbers = st.integers(-(2**33), 2**33)


@st.composite
def bounded(draw: st.DrawFn) -> tuple[Bounds, int]:
    """Bounds, and a number within them."""
    low, number, high = sorted(draw(numbers) for _ in range(3))
    return Bounds(low, high), number


@given(bounded(), bounded())
def test_arithmetic(a: tuple[Bounds, int], b: tuple[Bounds, int]) -> None:
    (x, one), (y, other) = a, b
    results = [(x + y, one + other), (x - y, one - other), (x * y, one * other), (-x, -one)]
    results += [(x | y, one), (x | y, other), (x.clamped(-5, 7), min(max(one, -5), 7))]
    for bounds, number in results:
        assert bounds.least <= number <= bounds.greatest


def test_int32_and_float32() -> None:
    assert Bounds(-(2**31), 2**31 - 1).fits_int32
    assert not Bounds(0, 2**31).fits_int32
    assert Bounds(-(2**24), 2**24).exact_in_float32
    assert not Bounds(0, 2**24 + 1).exact_in_float32
