"""Exponentials, logarithms, powers and roots."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.ops.lowering_strategies import broadcasting, check_from, few, floats, integers, levels

POSITIVE = [torch.log, torch.log2, torch.log10, torch.sqrt, torch.rsqrt]
ANYWHERE = [torch.exp, torch.exp2, torch.expm1, torch.log1p]
SCALES = st.sampled_from([1.0, 1e-3, 10.0])
INF = float("inf")


@pytest.mark.parametrize("function", POSITIVE)
@few
@given(floats(low=0.01), SCALES, levels, st.booleans())
def test_of_positive_numbers(
    function: Any, x: torch.Tensor, scale: float, level: int, image: bool
) -> None:
    check_from(29, function, [x * scale], level, image=image)


@pytest.mark.parametrize("function", ANYWHERE)
@few
@given(floats(), SCALES, levels, st.booleans())
def test_of_any_number(
    function: Any, x: torch.Tensor, scale: float, level: int, image: bool
) -> None:
    """Small arguments too, for which 1 must not swallow what is added to it."""
    x = x * scale
    if function is torch.log1p:
        x = x.abs()
    check_from(29, function, [x], level, image=image)


@pytest.mark.parametrize("function", POSITIVE + ANYWHERE)
def test_special_numbers(function: Any) -> None:
    special = torch.tensor([0.0, 1.0, -1.0, -2.0, 88.0, -88.0, 1e-30, -1e-30, INF, -INF, INF - INF])
    for x in special:
        check_from(29, function, [x.reshape(1)], 29)


@pytest.mark.parametrize("function", [torch.exp, torch.sqrt, torch.log1p, torch.expm1])
@few
@given(integers(low=0), levels)
def test_integers_give_floats(function: Any, x: torch.Tensor, level: int) -> None:
    check_from(29, function, [x], level)


@given(floats(low=0.1), st.sampled_from([0, 1, 2, 3, 4, 5, 0.5, -0.5, -1, -2, 2.5, -1.5]), levels)
def test_powers_of_tensors(x: torch.Tensor, exponent: float, level: int) -> None:
    least = 27 if exponent in (0, 1, 2, 3, 4) else 28 if exponent in (-1, -2) else 29
    check_from(least, lambda x: x**exponent, [x], level, terms=4)


@given(floats(dtypes=[torch.float32]), st.sampled_from([2, 3, 5, -3]), levels)
def test_powers_of_negative_numbers(x: torch.Tensor, exponent: int, level: int) -> None:
    x = torch.where(x.abs() < 0.1, 0.5, x)
    check_from(29, lambda x: x**exponent, [x], level, terms=4)


@given(broadcasting(low=0.1, high=3), st.sampled_from([2, 0.5]), levels)
def test_powers_that_are_tensors(args: list[torch.Tensor], base: float, level: int) -> None:
    check_from(29, lambda x, y: (x**y, base**y), args, level, terms=4)


@given(integers(low=-4, high=4), st.integers(0, 5), levels)
def test_powers_of_integers(x: torch.Tensor, exponent: int, level: int) -> None:
    check_from(30, lambda x: x.clamp(-4, 4) ** exponent, [x], level)


@given(broadcasting(), SCALES, levels)
def test_hypot(args: list[torch.Tensor], scale: float, level: int) -> None:
    args = [x * scale for x in args]
    check_from(29, torch.hypot, args, level)
    check_from(
        29, torch.hypot, [torch.tensor([1e30, 0.0, 1e-30]), torch.tensor([1e30, 0.0, 0.0])], 29
    )
