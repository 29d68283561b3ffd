"""Tensors made of one number, shaped like an input."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.ops.lowering_strategies import check_from, floats, levels


@given(floats(), st.sampled_from([0, 1, -2.5]), levels, st.booleans())
def test_constants_like_an_input(x: torch.Tensor, number: float, level: int, image: bool) -> None:
    def function(x: torch.Tensor) -> Any:
        zeros, ones = torch.zeros_like(x), torch.ones_like(x)
        filled = torch.full_like(x, number)
        return (
            x + zeros,
            x * ones,
            zeros + ones,
            filled,
            x.new_zeros(2),
            x.new_full((3,), number) + 1,
        )

    check_from(28 if image else 27, function, [x], level, image=image)


@given(floats(min_rank=1, dtypes=[torch.float32]), levels)
def test_other_dtypes(x: torch.Tensor, level: int) -> None:
    def function(x: torch.Tensor) -> Any:
        mask = torch.ones_like(x, dtype=torch.bool)
        return mask, torch.zeros_like(x, dtype=torch.int64), x.masked_fill(mask, 1.0), x + 1

    check_from(29, function, [x], level)
