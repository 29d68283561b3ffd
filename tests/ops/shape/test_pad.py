"""Padding."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from tests.ops.lowering_strategies import check_from, few, floats, integers, levels


@given(
    st.data(), floats(min_rank=1), st.sampled_from([0, 0.5, -float("inf")]), levels, st.booleans()
)
def test_constant(data: Any, x: torch.Tensor, number: float, level: int, image: bool) -> None:
    count = data.draw(st.integers(1, x.dim()))
    widths = [
        data.draw(st.integers(-(x.shape[-1 - dim] - 1) // 2, 3))
        for dim in range(count)
        for _ in "ab"
    ]
    check_from(28, lambda x: functional.pad(x, widths, value=number), [x], level, image=image)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@given(st.data(), floats(min_rank=2, max_rank=5), levels, st.booleans())
def test_modes(mode: str, data: Any, x: torch.Tensor, level: int, image: bool) -> None:
    count = max(1, x.dim() - 2)
    most = [x.shape[-1 - dim] - (mode == "reflect") for dim in range(count)]
    widths = [
        data.draw(st.integers(0, min(size, 3) if mode != "replicate" else 3))
        for size in most
        for _ in "ab"
    ]
    check_from(28, lambda x: functional.pad(x, widths, mode), [x], level, image=image)


@pytest.mark.parametrize("dtype", [torch.int32, torch.bool])
@few
@given(integers(low=-(2**31), high=2**31 - 1), st.sampled_from([0, 1]), levels)
def test_integers_and_booleans(
    dtype: torch.dtype, x: torch.Tensor, number: int, level: int
) -> None:
    least = 29 if dtype is torch.bool else 30
    check_from(least, lambda x: functional.pad(x, (1, 2), value=number), [x.to(dtype)], level)
