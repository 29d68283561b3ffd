"""The elements along a dimension in another order."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.ops.lowering_strategies import check_from, few, floats, integers, levels, with_dim


@given(with_dim(floats(min_rank=1, max_side=6)), st.integers(-5, 5), levels, st.booleans())
def test_flip_and_roll(
    drawn: tuple[torch.Tensor, int], shift: int, level: int, image: bool
) -> None:
    x, dim = drawn

    def function(x: torch.Tensor) -> Any:
        return x.flip(dim), x.flip(0, -1) if x.dim() > 1 else x, x.roll(shift, dim), x.roll(shift)

    check_from(28, function, [x], level, image=image)


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64, torch.bool])
@few
@given(with_dim(integers(low=-(2**31), high=2**31 - 1)), levels)
def test_integers_and_booleans(
    dtype: torch.dtype, drawn: tuple[torch.Tensor, int], level: int
) -> None:
    x, dim = drawn
    check_from(29, lambda x: (x.flip(dim), x.roll(1, dim)), [x.to(dtype)], level)


@given(integers(low=-(2**31), high=2**31 - 1), levels)
def test_roll_of_integers_without_a_dimension(x: torch.Tensor, level: int) -> None:
    check_from(30, lambda x: x.roll(1), [x.int()], level)
