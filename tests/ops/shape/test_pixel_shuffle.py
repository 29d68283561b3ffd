"""Channels to pixels and back, and channels shuffled."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from nnapi_core.testing import shapes, tensors
from tests.ops.lowering_strategies import after_image, check_from, few, levels

batches = shapes(min_rank=0, max_rank=2, max_side=2)
sides = st.integers(1, 3)


@given(st.data(), batches, sides, sides, sides, st.integers(1, 3), levels)
def test_pixel_shuffles(
    data: Any,
    batch: tuple[int, ...],
    channels: int,
    height: int,
    width: int,
    block: int,
    level: int,
) -> None:
    deep = data.draw(tensors(shape=(*batch, channels * block**2, height, width)))
    wide = data.draw(tensors(shape=(*batch, channels, height * block, width * block)))

    def function(x: torch.Tensor, y: torch.Tensor) -> Any:
        return functional.pixel_shuffle(x, block), functional.pixel_unshuffle(y, block)

    check_from(28, function, [deep, wide], level)


@given(st.data(), sides, sides, levels, st.booleans())
def test_channel_shuffle(data: Any, groups: int, size: int, level: int, image: bool) -> None:
    x = data.draw(tensors(shape=(2, groups * size, 2, 3)))

    def by_views(x: torch.Tensor) -> torch.Tensor:
        batch, channels, height, width = x.shape
        x = x.view(batch, groups, channels // groups, height, width)
        return x.transpose(1, 2).contiguous().view(batch, -1, height, width)

    def function(x: torch.Tensor) -> Any:
        x = after_image(x) if image else x
        return functional.channel_shuffle(x, groups), by_views(x)

    check_from(28, function, [x], level)


@pytest.mark.parametrize("dtype", [torch.int32, torch.bool])
@few
@given(st.data(), levels)
def test_integers_and_booleans(dtype: torch.dtype, data: Any, level: int) -> None:
    x = data.draw(tensors(shape=(1, 8, 2, 1), dtype=dtype, low=-(2**31), high=2**31 - 1))

    def function(x: torch.Tensor) -> Any:
        return functional.channel_shuffle(x, 2), functional.pixel_shuffle(x, 2)

    check_from(30, function, [x], level)
