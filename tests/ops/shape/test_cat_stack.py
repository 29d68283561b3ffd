"""Several tensors become one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.testing import shapes, tensors
from tests.ops.lowering_strategies import check_from, few, levels
from tests.ops.with_constants import WithConstants


@st.composite
def joinable(
    draw: st.DrawFn, *, dtype: torch.dtype = torch.float32, low: float = -4, high: float = 4
) -> tuple[list[torch.Tensor], int]:
    """Tensors that differ in one dimension, and that dimension."""
    shape = draw(shapes(max_rank=5, max_side=4))
    dim = draw(st.integers(0, len(shape) - 1))
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    parts = [
        draw(
            tensors(shape=(*shape[:dim], size, *shape[dim + 1 :]), dtype=dtype, low=low, high=high)
        )
        for size in sizes
    ]
    return parts, dim - len(shape) if draw(st.booleans()) else dim


@given(joinable(), levels, st.booleans())
def test_cat(drawn: tuple[list[torch.Tensor], int], level: int, image: bool) -> None:
    parts, dim = drawn
    check_from(27, lambda *x: torch.cat(x, dim), parts, level, image=image)


@pytest.mark.parametrize("dtype", [torch.int32, torch.bool, torch.float16])
@few
@given(st.data(), levels)
def test_cat_of_other_dtypes(dtype: torch.dtype, data: Any, level: int) -> None:
    limit = 4 if dtype.is_floating_point else 2**31 - 1
    parts, dim = data.draw(joinable(dtype=dtype, low=-limit, high=limit))
    least = 30 if dtype is torch.int32 and len(parts) > 1 else 29
    check_from(least, lambda *x: torch.cat(x, dim), parts, level)


@given(joinable(), levels)
def test_cat_promotes_and_skips_what_is_empty(
    drawn: tuple[list[torch.Tensor], int], level: int
) -> None:
    parts, dim = drawn
    nothing = parts[0].narrow(dim, 0, 0)
    whole = WithConstants(
        lambda x, y, z: torch.cat([x, y, z], dim), nothing, parts[0].round().int()
    )
    check_from(27, whole, [parts[-1]], level)


@given(joinable(), levels, st.booleans())
def test_stack(drawn: tuple[list[torch.Tensor], int], level: int, image: bool) -> None:
    parts, dim = drawn
    alike = [parts[0], parts[0] * 2, parts[0] + 1]
    check_from(28 if image else 27, lambda *x: torch.stack(x, dim), alike, level, image=image)


@given(joinable(dtype=torch.int32, low=-(2**31), high=2**31 - 1), levels)
def test_stack_of_integers(drawn: tuple[list[torch.Tensor], int], level: int) -> None:
    parts, dim = drawn
    check_from(30, lambda x: torch.stack([x, x.flip(dim)], dim), parts[:1], level)
