"""Elements of one tensor or of another, by a condition."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.ops.lowering_strategies import broadcasting, check_from, few, floats, levels
from tests.ops.with_constants import WithConstants

INF = float("inf")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.int32, torch.bool])
@few
@given(broadcasting(count=3), levels, st.booleans())
def test_where(dtype: torch.dtype, args: list[torch.Tensor], level: int, image: bool) -> None:
    def function(x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        return torch.where(x > 0, y.to(dtype), z.to(dtype))

    # Integers of [channels, height, width] are put channels last beside an image.
    moves = dtype is torch.int32 and image and any(x.dim() == 3 for x in args[1:])
    check_from(30 if moves else 29, function, args, level, image=image)


@given(broadcasting(max_rank=5), st.sampled_from([0, -INF, 2.5]), levels, st.booleans())
def test_masked_fill(args: list[torch.Tensor], number: float, level: int, image: bool) -> None:
    x, other = args
    x = x.expand(torch.broadcast_shapes(x.shape, other.shape)).clone()
    check_from(29, lambda x, y: x.masked_fill(y > 0, number), [x, other], level, image=image)


@given(broadcasting(), levels)
def test_constant_masks(args: list[torch.Tensor], level: int) -> None:
    x, mask = args
    function = WithConstants(lambda x, m: torch.where(m, x, 0.0), mask > 0)
    check_from(29, function, [x], level)


@given(floats(min_rank=1), levels)
def test_numbers_on_both_sides(x: torch.Tensor, level: int) -> None:
    check_from(29, lambda x: (torch.where(x > 0, 1, 0), torch.where(x > 0, 1.5, x)), [x], level)


@given(floats(min_rank=1, dtypes=[torch.float32]), levels)
def test_nan_to_num(x: torch.Tensor, level: int) -> None:
    x = torch.where(x > 3, INF, torch.where(x < -3, -INF, torch.where(x.abs() < 1, INF - INF, x)))
    check_from(29, lambda x: (torch.nan_to_num(x), torch.nan_to_num(x, 1, 2, 3)), [x], level)
