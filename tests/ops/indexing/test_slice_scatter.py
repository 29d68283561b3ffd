"""Slices and rows replaced."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.ops.lowering_strategies import check_from, floats, levels


@given(st.data(), floats(min_rank=1, max_side=5), levels, st.booleans())
def test_slices_and_rows(data: Any, x: torch.Tensor, level: int, image: bool) -> None:
    dim = data.draw(st.integers(0, x.dim() - 1))
    start = data.draw(st.integers(0, x.shape[dim] - 1))
    end, step = data.draw(st.integers(start + 1, x.shape[dim])), data.draw(st.integers(1, 2))
    index = [slice(None)] * x.dim()
    index[dim] = slice(start, end, step)

    def function(x: torch.Tensor) -> Any:
        part = x[tuple(index)] * 2
        row = x.select(dim, 0) * 3
        return torch.slice_scatter(x, part, dim, start, end, step), x.select_scatter(
            row, dim, start
        )

    check_from(28, function, [x], level, image=image)
