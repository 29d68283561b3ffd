"""Sums, differences and products."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.testing import Case, check_lowering
from tests.ops.lowering_strategies import broadcasting, check_from, few, floats, integers, levels
from tests.ops.with_constants import WithConstants

BINARY = [operator.add, operator.sub, operator.mul]
numbers = st.sampled_from([0, 1, -1, 3, 0.5, -2.25])


@pytest.mark.parametrize("function", BINARY)
@few
@given(broadcasting(max_rank=6, max_side=3), levels, st.booleans())
def test_tensors_broadcast(
    function: Callable[..., Any], args: list[torch.Tensor], level: int, image: bool
) -> None:
    check_from(28 if image else 27, function, args, level, image=image)


@pytest.mark.parametrize("function", BINARY)
@few
@given(broadcasting(), levels, st.booleans())
def test_constants_follow_the_order_of_the_other_operand(
    function: Callable[..., Any], drawn: list[torch.Tensor], level: int, image: bool
) -> None:
    x, constant = drawn
    check_from(28, WithConstants(function, constant), [x], level, image=image and x.dim() == 4)


@pytest.mark.parametrize("function", BINARY)
@few
@given(floats(), numbers, levels)
def test_numbers(function: Callable[..., Any], x: torch.Tensor, number: float, level: int) -> None:
    check_from(27, lambda x: (function(x, number), function(number, x)), [x], level)


@given(broadcasting(), st.sampled_from([2, -0.5, 0]), levels)
def test_alpha(args: list[torch.Tensor], alpha: float, level: int) -> None:
    def function(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.add(x, y, alpha=alpha), torch.rsub(x, y, alpha=alpha)

    check_from(27, function, args, level, magnitude=8.0)


@given(broadcasting(dtype=torch.int32, low=-(2**30), high=2**30), levels)
def test_int32_wraps_around(args: list[torch.Tensor], level: int) -> None:
    check_from(30, lambda x, y: (x + y, x - y, x * y, x + 7), args, level)


@given(integers(), st.sampled_from([torch.float32, torch.int64]), levels)
def test_integers_are_promoted(x: torch.Tensor, dtype: torch.dtype, level: int) -> None:
    small = x.clamp(-9, 9)

    def function(x: torch.Tensor) -> Any:
        y = x.clamp(-9, 9)
        return y + 0.5, y.to(dtype) * 2 - y, 3 - y

    check_from(29, function, [small], level)


@given(integers(min_rank=1, max_rank=2), levels)
def test_int64_that_may_overflow_is_refused(x: torch.Tensor, level: int) -> None:
    x = x.to(torch.int64)
    outcome = check_lowering(Case(lambda x: x * 3, (x,), level))
    assert not outcome.supported
    assert "int64" in outcome.reasons[0]


@given(broadcasting(dtype=torch.bool), levels)
def test_booleans(args: list[torch.Tensor], level: int) -> None:
    check_from(29, lambda x, y: (x + y, x * y, x + 1.5, x * 2), args, level)


@given(floats(), levels, st.booleans())
def test_neg_abs_square(x: torch.Tensor, level: int, image: bool) -> None:
    check_from(27, lambda x: (-x, x.abs(), x.square()), [x], level, image=image)


@given(integers(low=-(2**31), high=2**31 - 1), levels)
def test_neg_abs_of_integers(x: torch.Tensor, level: int) -> None:
    x = x.to(torch.int32)
    check_from(29, lambda x: (-x, x.abs()), [x], level)


@given(broadcasting(count=3), st.sampled_from([1, -2.5]), levels)
def test_addcmul(args: list[torch.Tensor], value: float, level: int) -> None:
    check_from(27, lambda x, y, z: torch.addcmul(x, y, z, value=value), args, level, terms=2)


@given(broadcasting(count=3), st.sampled_from([0.0, 0.25, 0.75, 1.0, 2.0]), levels)
def test_lerp(args: list[torch.Tensor], weight: float, level: int) -> None:
    def function(x: torch.Tensor, y: torch.Tensor, w: torch.Tensor) -> Any:
        return torch.lerp(x, y, weight), torch.lerp(x, y, w)

    check_from(28, function, args, level, magnitude=64.0)
