"""Sines, their relatives, and their inverses; the stated bounds of the errors hold."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnapi_ops.arithmetic.trigonometry import INVERSE_ERROR, TANGENT_ERROR
from tests.ops.lowering_strategies import broadcasting, check_from, few, floats, levels

FLOAT32 = [torch.float32]
SCALES = st.sampled_from([1.0, 1e-3, 50.0])


@pytest.mark.parametrize("function", [torch.sin, torch.cos])
@few
@given(floats(), SCALES, levels, st.booleans())
def test_sine_and_cosine(
    function: Any, x: torch.Tensor, scale: float, level: int, image: bool
) -> None:
    check_from(29, function, [x * scale], level, image=image, magnitude=1.0)


@given(floats(dtypes=FLOAT32), SCALES, levels)
def test_tangent(x: torch.Tensor, scale: float, level: int) -> None:
    check_from(29, torch.tan, [x * scale], level, bound=TANGENT_ERROR)


def test_tangent_near_its_poles() -> None:
    quarter = torch.tensor([math.pi / 2 * turns for turns in range(-99, 100)])
    near = torch.cat([quarter - 1e-3, quarter, quarter + 1e-3])
    x = near[(near / (math.pi / 2)).frac().abs() > 1e-6]
    expected = torch.tan(x.double())
    assert ((torch.tan(x) - expected).abs() <= 1e-5 * expected.abs()).all()
    for one in x[::7]:  # one by one, so that the tolerance is that of its own size
        check_from(29, torch.tan, [one.reshape(1)], 29)


@pytest.mark.parametrize("function", [torch.asin, torch.acos])
@few
@given(floats(low=-1, high=1), levels, st.booleans())
def test_inverse_of_sine_and_cosine(
    function: Any, x: torch.Tensor, level: int, image: bool
) -> None:
    check_from(29, function, [x], level, image=image, bound=INVERSE_ERROR)


@given(floats(), SCALES, levels, st.booleans())
def test_inverse_of_tangent(x: torch.Tensor, scale: float, level: int, image: bool) -> None:
    check_from(29, torch.atan, [x * scale], level, image=image, bound=INVERSE_ERROR)


@given(broadcasting(), levels)
def test_angle_of_two(args: list[torch.Tensor], level: int) -> None:
    check_from(29, torch.atan2, args, level, bound=INVERSE_ERROR)


def test_bounds_hold_everywhere() -> None:
    x = torch.linspace(-1, 1, 20001)
    for function in (torch.asin, torch.acos, torch.atan):
        check_from(29, function, [x], 29, bound=INVERSE_ERROR)
    check_from(29, torch.atan, [1 / (x + 1e-6)], 29, bound=INVERSE_ERROR)


def test_special_numbers() -> None:
    special = [0.0, -0.0, 1.0, -1.0, float("inf"), -float("inf")]
    grid = torch.cartesian_prod(torch.tensor(special), torch.tensor(special))
    check_from(29, torch.atan2, [grid[:, 0], grid[:, 1]], 29, bound=INVERSE_ERROR)
    x = torch.tensor([*special, 2.0, float("nan")])
    for function in (torch.atan, torch.asin, torch.acos):
        check_from(29, function, [x], 29, bound=INVERSE_ERROR)
