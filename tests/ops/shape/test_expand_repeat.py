"""Repeating a tensor along its dimensions."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.testing import shapes, tensors
from tests.ops.lowering_strategies import check_from, few, floats, integers, levels


@st.composite
def expandable(draw: st.DrawFn) -> tuple[torch.Tensor, tuple[int, ...]]:
    """A tensor, and a shape that it can be expanded to."""
    shape = draw(shapes(max_rank=5, max_side=3))
    rank = draw(st.integers(0, len(shape)))
    kept = [size if draw(st.booleans()) else 1 for size in shape[len(shape) - rank :]]
    return draw(tensors(shape=kept)), shape


@given(expandable(), levels, st.booleans())
def test_expand(drawn: tuple[torch.Tensor, tuple[int, ...]], level: int, image: bool) -> None:
    x, shape = drawn
    check_from(
        28 if image else 27,
        lambda x: (x.expand(shape), x.broadcast_to(shape)),
        [x],
        level,
        image=image,
    )


@given(
    floats(max_rank=4, max_side=3),
    st.lists(st.integers(1, 3), min_size=4, max_size=5),
    levels,
    st.booleans(),
)
def test_repeat(x: torch.Tensor, counts: list[int], level: int, image: bool) -> None:
    check_from(
        28 if image else 27,
        lambda x: (x.repeat(counts), x.tile(counts[:2])),
        [x],
        level,
        image=image,
    )


@given(floats(min_rank=1, max_side=3), st.integers(1, 3), st.integers(0, 4), levels)
def test_repeat_interleave(x: torch.Tensor, count: int, dim: int, level: int) -> None:
    dim %= x.dim()
    check_from(
        27, lambda x: (x.repeat_interleave(count, dim), x.repeat_interleave(count)), [x], level
    )


@pytest.mark.parametrize("dtype", [torch.int32, torch.bool])
@few
@given(integers(low=-(2**31), high=2**31 - 1, max_rank=3), levels)
def test_integers_and_booleans(dtype: torch.dtype, x: torch.Tensor, level: int) -> None:
    def function(x: torch.Tensor) -> Any:
        return x.repeat([2] * x.dim()), x[:1].expand(3, *x.shape[1:])

    check_from(29, function, [x.to(dtype)], level)
