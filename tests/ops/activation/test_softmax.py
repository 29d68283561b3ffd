"""Softmax and its logarithm."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.ops.lowering_strategies import check_from, floats, integers, levels


@given(floats(), st.integers(0, 4), levels, st.booleans())
def test_softmax(x: torch.Tensor, dim: int, level: int, image: bool) -> None:
    dim %= max(x.dim(), 1)
    check_from(28, lambda x: x.softmax(dim), [x * 5], level, image=image)


@given(floats(min_rank=2, max_rank=2, dtypes=[torch.float32]), levels)
def test_softmax_of_rows_is_as_old_as_nnapi(x: torch.Tensor, level: int) -> None:
    check_from(27, lambda x: x.softmax(-1), [x], level)


@given(floats(), st.integers(0, 4), levels, st.booleans())
def test_log_softmax(x: torch.Tensor, dim: int, level: int, image: bool) -> None:
    dim %= max(x.dim(), 1)
    check_from(29, lambda x: x.log_softmax(dim), [x * 5], level, image=image, magnitude=40.0)


@given(integers(), levels)
def test_dtype(x: torch.Tensor, level: int) -> None:
    def function(x: torch.Tensor) -> Any:
        return x.softmax(-1, dtype=torch.float32), x.float().softmax(0, dtype=torch.float32)

    check_from(29, function, [x.int()], level)


@given(floats(min_rank=2, max_rank=3, dtypes=[torch.float32]), levels)
def test_masked_elements_weigh_nothing(x: torch.Tensor, level: int) -> None:
    x[..., 1:] = torch.where(x[..., 1:] > 1, -float("inf"), x[..., 1:])
    check_from(28, lambda x: x.softmax(-1), [x], level)
