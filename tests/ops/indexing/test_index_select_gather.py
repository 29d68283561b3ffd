"""Elements at positions along one dimension."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.ops.indexing.index_tensors import places
from tests.ops.lowering_strategies import check_from, floats, levels
from tests.ops.with_constants import WithConstants


@given(st.data(), floats(min_rank=1), levels, st.booleans(), st.booleans())
def test_index_select(data: Any, x: torch.Tensor, level: int, constant: bool, image: bool) -> None:
    dim = data.draw(st.integers(-x.dim(), x.dim() - 1))
    index = data.draw(places(x.shape[dim], shape=(data.draw(st.integers(1, 5)),), negative=False))

    def function(x: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        return x.index_select(dim, index)

    if constant:
        check_from(28, WithConstants(function, index), [x], level, image=image and x.dim() == 4)
    else:
        check_from(29, function, [x, index], level, image=image)


@given(st.data(), floats(min_rank=1, max_rank=4), levels, st.booleans())
def test_gather(data: Any, x: torch.Tensor, level: int, constant: bool) -> None:
    dim = data.draw(st.integers(0, x.dim() - 1))
    shape = [data.draw(st.integers(1, size)) for size in x.shape]
    shape[dim] = data.draw(st.integers(1, 4))
    index = data.draw(places(x.shape[dim], shape=tuple(shape), negative=False))

    def function(x: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        return x.gather(dim, index)

    if constant:
        check_from(28, WithConstants(function, index), [x], level)
    else:
        check_from(29, function, [x, index], level)
