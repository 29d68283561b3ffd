"""Tensors, and dimensions of them to reduce."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from hypothesis import strategies as st

Drawn = tuple[torch.Tensor, Sequence[int], bool]


@st.composite
def reductions(draw: st.DrawFn, tensors: st.SearchStrategy[torch.Tensor]) -> Drawn:
    """A tensor, dimensions of it (negative ones too), and whether they are kept."""
    x = draw(tensors)
    rank = x.dim()
    dims = draw(st.sets(st.integers(0, rank - 1), min_size=1)) if rank else set()
    return (
        x,
        [dim - rank if draw(st.booleans()) else dim for dim in sorted(dims)],
        draw(st.booleans()),
    )
