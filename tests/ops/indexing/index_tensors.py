"""Positions to index with."""

from __future__ import annotations

import torch
from hypothesis import strategies as st

from nnapi_core.testing import shapes


@st.composite
def places(
    draw: st.DrawFn, size: int, *, shape: tuple[int, ...] | None = None, negative: bool = True
) -> torch.Tensor:
    """Positions along a dimension."""
    shape = draw(shapes(max_rank=2, max_side=3)) if shape is None else shape
    count = torch.Size(shape).numel()
    position = st.integers(-size if negative else 0, size - 1)
    drawn = draw(st.lists(position, min_size=count, max_size=count))
    return torch.tensor(drawn, dtype=torch.int64).reshape(shape)
