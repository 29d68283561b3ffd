"""Diagonals, and windows that slide along a dimension."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.ops.lowering_strategies import check_from, floats, levels


@given(st.data(), floats(min_rank=2), levels)
def test_diagonal_and_unfold(data: Any, x: torch.Tensor, level: int) -> None:
    first, second = data.draw(st.permutations(range(x.dim())))[:2]
    offset = data.draw(st.integers(-x.shape[first] + 1, x.shape[second] - 1))
    size, step = data.draw(st.integers(1, x.shape[first])), data.draw(st.integers(1, 3))

    def function(x: torch.Tensor) -> Any:
        return x.diagonal(offset, first, second), x.unfold(first, size, step), x.tril(), x.triu(1)

    check_from(29, function, [x], level)
