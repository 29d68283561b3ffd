"""Rounding to integers, and the sign."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.ops.lowering_strategies import check_from, few, floats, integers, levels

ROUNDINGS = [torch.floor, torch.ceil, torch.trunc, torch.frac, torch.round, torch.sign]
LEAST = {torch.floor: 27, torch.ceil: 27}


@pytest.mark.parametrize("function", ROUNDINGS)
@few
@given(floats(), levels, st.booleans())
def test_rounding(function: object, x: torch.Tensor, level: int, image: bool) -> None:
    check_from(LEAST.get(function, 29), function, [x], level, image=image)


@pytest.mark.parametrize("function", ROUNDINGS)
def test_ties_and_special_numbers(function: object) -> None:
    numbers = [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999997, -0.49999997, -0.50000006, 1e-30, -1e-30]
    special = [0.0, -0.0, 8388609.0, -8388609.0, 1e30, float("nan")]
    infinite = [] if function is torch.frac else [float("inf"), -float("inf")]
    check_from(29, function, [torch.tensor(numbers + special + infinite)], 29)


@given(floats(dtypes=[torch.float32]), st.integers(-2, 3), levels)
def test_decimals(x: torch.Tensor, decimals: int, level: int) -> None:
    x = (x * 64).round() / 64 + 0.01  # away from ties, which the scaling decides by rounding
    check_from(29, lambda x: x.round(decimals=decimals), [x], level)


@given(integers(), levels)
def test_integers(x: torch.Tensor, level: int) -> None:
    check_from(29, lambda x: (x.floor(), x.round(), x.trunc(), x.ceil(), x.sign()), [x], level)


@given(floats(), levels)
def test_signbit(x: torch.Tensor, level: int) -> None:
    x = torch.where(x.abs() < 1, torch.copysign(torch.zeros_like(x), x), x)
    check_from(29, torch.signbit, [x], level)
