"""The largest and the smallest elements, and where they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.ops.lowering_strategies import check_from, few, floats, integers, levels
from tests.ops.reduction.reductions import reductions


@pytest.mark.parametrize("name", ["max", "min"])
@given(reductions(floats()), levels, st.booleans())
def test_extremes(
    name: str, drawn: tuple[torch.Tensor, Sequence[int], bool], level: int, image: bool
) -> None:
    """Of equal elements the first is found, so that these may be round."""
    x, dims, keepdim = drawn
    dim = dims[0] if dims else 0

    def function(x: torch.Tensor) -> Any:
        x = x * 1
        one = getattr(torch, name)(x, dim, keepdim)
        return *one, getattr(x, name)(), getattr(x, f"a{name}")(dims, keepdim), torch.aminmax(x)

    check_from(29, function, [x.round()], level, image=image)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@few
@given(reductions(floats()), levels, st.booleans())
def test_positions(
    name: str, drawn: tuple[torch.Tensor, Sequence[int], bool], level: int, image: bool
) -> None:
    x, dims, keepdim = drawn
    dim = dims[0] if dims else 0

    def function(x: torch.Tensor) -> Any:
        return getattr(x, name)(dim, keepdim), getattr(x, name)(), getattr(x, name)(keepdim=True)

    check_from(29, function, [x.round()], level, image=image)


@given(reductions(integers(low=-99, high=99)), levels)
def test_small_integers(drawn: tuple[torch.Tensor, Sequence[int], bool], level: int) -> None:
    x, dims, keepdim = drawn

    def function(x: torch.Tensor) -> Any:
        small = x.clamp(-99, 99)
        return small.amax(dims, keepdim), small.min(dims[0], keepdim), small.argmax(dims[0])

    check_from(29, function, [x], level)


def test_not_a_number_is_the_extreme() -> None:
    x = torch.tensor([[1.0, float("nan"), 3.0], [float("inf"), 2.0, -float("inf")]])
    check_from(29, lambda x: (x.amax(1), x.amin(1), x.argmax(1), x.argmin(1)), [x], 29)
