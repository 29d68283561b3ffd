"""Parts of a tensor."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.ops.lowering_strategies import check_from, few, floats, integers, levels, with_dim

ends = st.none() | st.integers(-7, 7)


drawn_floats = with_dim(floats(min_rank=1, max_side=6))


@given(drawn_floats, ends, ends, st.integers(1, 3), levels, st.booleans())
def test_slice(
    drawn: tuple[torch.Tensor, int], start: Any, end: Any, step: int, level: int, image: bool
) -> None:
    x, dim = drawn
    index = [slice(None)] * x.dim()
    index[dim] = slice(start, end, step)
    check_from(28, lambda x: x[tuple(index)], [x], level, image=image)


@given(drawn_floats, levels, st.booleans())
def test_select_and_unbind(drawn: tuple[torch.Tensor, int], level: int, image: bool) -> None:
    x, dim = drawn
    last = x.shape[dim] - 1

    def function(x: torch.Tensor) -> Any:
        return x.select(dim, 0), x.select(dim, -1), x.narrow(dim, last, 1), x.unbind(dim)

    check_from(28, function, [x], level, image=image)


@given(drawn_floats, st.integers(1, 4), levels, st.booleans())
def test_split(drawn: tuple[torch.Tensor, int], count: int, level: int, image: bool) -> None:
    x, dim = drawn
    size = x.shape[dim]

    def function(x: torch.Tensor) -> Any:
        uneven = x.split([1, size - 1], dim) if size > 1 else ()
        return (
            x.split(count, dim),
            x.chunk(count, dim),
            x.tensor_split(min(count, size), dim),
            uneven,
        )

    check_from(28, function, [x], level, image=image)


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64, torch.bool])
@few
@given(with_dim(integers(low=-(2**31), high=2**31 - 1)), levels)
def test_integers_and_booleans(
    dtype: torch.dtype, drawn: tuple[torch.Tensor, int], level: int
) -> None:
    x, dim = drawn

    def function(x: torch.Tensor) -> Any:
        return x.split(2, dim), x.narrow(dim, 0, 1)

    check_from(29, function, [x.to(dtype)], level)


@given(with_dim(integers(low=-(2**31), high=2**31 - 1)), levels)
def test_select_of_integers(drawn: tuple[torch.Tensor, int], level: int) -> None:
    x, dim = drawn
    check_from(30, lambda x: (x.select(dim, 0), x.unbind(dim)), [x.int()], level)
