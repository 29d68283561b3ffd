"""Quotients, whole quotients, and remainders."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core import Unsupported, convert
from tests.ops.lowering_strategies import broadcasting, check_from, floats, integers, levels
from tests.ops.with_constants import WithConstants

divisors = st.sampled_from([1.0, 2.0, -3.0, 0.1, 0.7, -1.3, 1e-3, 640.0])


def nonzero(x: torch.Tensor) -> torch.Tensor:
    return torch.where(x.abs() < 0.1, torch.ones_like(x), x)


@given(broadcasting(), divisors, levels, st.booleans())
def test_div(args: list[torch.Tensor], number: float, level: int, image: bool) -> None:
    args = [args[0], nonzero(args[1])]
    check_from(28, lambda x, y: (x / y, x / number, number / y), args, level, image=image)


@given(floats(), st.sampled_from([2, 3.0, 6]), levels)
def test_division_by_a_number_is_older(x: torch.Tensor, number: float, level: int) -> None:
    check_from(27, lambda x: x / number, [x], level)


def whole(x: torch.Tensor, y: Any) -> Any:
    return (
        torch.div(x, y, rounding_mode="floor"),
        torch.div(x, y, rounding_mode="trunc"),
        torch.floor_divide(x, y),
        torch.remainder(x, y),
        torch.fmod(x, y),
    )


@given(floats(low=-1e3, high=1e3), divisors, levels)
def test_whole_quotients_by_a_number(x: torch.Tensor, number: float, level: int) -> None:
    check_from(29, lambda x: whole(x, number), [x], level)


@given(broadcasting(low=-40, high=40), levels)
def test_whole_quotients_of_tensors(args: list[torch.Tensor], level: int) -> None:
    check_from(29, whole, [args[0], nonzero(args[1])], level)


@given(st.integers(1, 200), st.integers(1, 1 << 23), levels)
def test_quotients_that_round_up_to_an_integer(factor: int, bits: int, level: int) -> None:
    """Just below a multiple, the float quotient is the next integer already."""
    divisor = torch.tensor(1 + bits / (1 << 23))
    x = torch.nextafter(divisor * factor, torch.tensor(0.0)).reshape(1)
    check_from(29, lambda x, y: whole(x, y), [x, divisor.reshape(1)], level)


def test_special_quotients() -> None:
    inf = float("inf")
    x = torch.tensor([1.0, -1.0, 0.0, inf, -inf, float("nan"), 2.0, -2.0])
    for divisor in (0.0, -0.0, 3.0, -3.0, inf, -inf):
        y = torch.full_like(x, divisor)
        check_from(29, whole, [x, y], 29)


@given(integers(low=1 - 2**31, high=2**31 - 1), integers(max_rank=1, low=1, high=50), levels)
def test_integers(x: torch.Tensor, y: torch.Tensor, level: int) -> None:
    x, y = x.to(torch.int32), y[:1].to(torch.int32)
    check_from(30, lambda x, y: (*whole(x, y), *whole(x, -y), *whole(x, 7)), [x, y], level)


@given(integers(low=-(2**31), high=2**31 - 1), levels)
def test_int64_by_a_number(x: torch.Tensor, level: int) -> None:
    check_from(30, lambda x: (*whole(x, 7), *whole(x, -9)), [x.to(torch.int64)], level)


@given(integers(low=-999, high=999), levels)
def test_small_integers_before_there_is_integer_arithmetic(x: torch.Tensor, level: int) -> None:
    check_from(29, lambda x: whole(x.clamp(-999, 999), 7), [x], level)


@given(integers(), levels)
def test_true_division_of_integers(x: torch.Tensor, level: int) -> None:
    check_from(
        29, lambda x: (x / 4, x / (x.clamp(1, 9) + 3), 2 / (x.clamp(-9, 9) + 9.5)), [x], level
    )


def test_constant_divisors_that_are_refused() -> None:
    for divisor, reason in (
        (torch.tensor(float("inf")), "too large"),
        (torch.tensor(0), "by zero"),
    ):
        function = WithConstants(torch.fmod, divisor)
        with pytest.raises(Unsupported, match=reason):
            convert(
                function, (torch.ones(2, dtype=divisor.dtype),), fallback="error", feature_level=30
            )


@given(broadcasting(count=3), st.sampled_from([1, -2.5]), levels)
def test_addcdiv(args: list[torch.Tensor], value: float, level: int) -> None:
    args[2] = nonzero(args[2])
    check_from(
        28, lambda x, y, z: torch.addcdiv(x, y, z, value=value), args, level, magnitude=100.0
    )
