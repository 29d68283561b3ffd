"""Comparisons."""

from __future__ import annotations

import operator
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.ops.lowering_strategies import broadcasting, check_from, few, floats, integers, levels

COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]
INF = float("inf")


@pytest.mark.parametrize("function", COMPARISONS)
@few
@given(broadcasting(max_rank=6, max_side=3), levels, st.booleans())
def test_tensors(function: Any, args: list[torch.Tensor], level: int, image: bool) -> None:
    args = [x.round() for x in args]
    args[0] = torch.where(args[0] > 3, INF - INF, args[0])
    check_from(29, function, args, level, image=image)


@pytest.mark.parametrize("function", COMPARISONS)
@few
@given(floats(), integers(), st.sampled_from([0, 1.0, -2, 0.5]), levels)
def test_numbers(
    function: Any, x: torch.Tensor, y: torch.Tensor, number: float, level: int
) -> None:
    check_from(29, lambda x, y: (function(x.round(), number), function(y, number)), [x, y], level)


@pytest.mark.parametrize("function", COMPARISONS)
@few
@given(broadcasting(dtype=torch.bool), broadcasting(dtype=torch.int32), levels)
def test_booleans_and_integers(
    function: Any, booleans: list[torch.Tensor], integers: list[torch.Tensor], level: int
) -> None:
    check_from(
        29, lambda a, b, x, y: (function(a, b), function(x, y)), [*booleans, *integers], level
    )


@given(floats(), integers(), levels)
def test_what_is_no_number(x: torch.Tensor, y: torch.Tensor, level: int) -> None:
    x = torch.where(x > 3, INF, torch.where(x < -3, -INF, torch.where(x.abs() < 1, INF - INF, x)))

    def function(x: torch.Tensor, y: torch.Tensor) -> Any:
        one = x.isnan(), x.isinf(), x.isfinite(), x.isposinf(), x.isneginf()
        return (*one, y.isnan(), y.isfinite(), y.isinf())

    check_from(29, function, [x, y], level)
