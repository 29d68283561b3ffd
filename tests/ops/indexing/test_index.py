"""Indexing by tensors."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.testing import Case, check_lowering, shapes
from tests.ops.indexing.index_tensors import places
from tests.ops.lowering_strategies import check_from, floats, integers, levels
from tests.ops.with_constants import WithConstants


@given(st.data(), floats(min_rank=1, max_rank=4), levels, st.booleans())
def test_one_index(data: Any, x: torch.Tensor, level: int, constant: bool) -> None:
    dim = data.draw(st.integers(0, x.dim() - 1))
    index = data.draw(places(x.shape[dim]))
    before = (slice(None),) * dim

    def function(x: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        return x[(*before, index)]

    if constant:
        check_from(28, WithConstants(function, index), [x], level)
    else:
        check_from(29, function, [x, index], level)


@given(st.data(), floats(min_rank=2, max_rank=4), levels, st.booleans())
def test_several_indices(data: Any, x: torch.Tensor, level: int, constant: bool) -> None:
    """Side by side, and with others between them, which puts their dimensions first."""
    dims = sorted(data.draw(st.sets(st.integers(0, x.dim() - 1), min_size=2)))
    shape = data.draw(shapes(max_rank=2, max_side=3))
    indices = [
        data.draw(places(x.shape[dim], shape=shape[: 2 - n % 2])) for n, dim in enumerate(dims)
    ]
    indices[-1] = indices[-1][..., :1]

    def function(x: torch.Tensor, *indices: torch.Tensor) -> torch.Tensor:
        given_indices = iter(indices)
        return x[tuple(next(given_indices) if d in dims else slice(None) for d in range(x.dim()))]

    if not _broadcast([one.shape for one in indices]):
        indices = [one.reshape(-1)[:1] for one in indices]
    if constant:
        check_from(28, WithConstants(function, *indices), [x], level)
    else:
        check_from(29, function, [x, *indices], level)


def _broadcast(shapes: list[torch.Size]) -> bool:
    try:
        torch.broadcast_shapes(*shapes)
    except RuntimeError:
        return False
    return True


@given(floats(min_rank=1, max_rank=4), levels)
def test_constant_masks(x: torch.Tensor, level: int) -> None:
    mask = torch.arange(x.shape[0]) % 2 == 0
    check_from(28, WithConstants(lambda x, m: x[m], mask), [x], level)


def test_masks_that_the_model_computes_are_refused() -> None:
    assert not check_lowering(Case(lambda x: (x[x > 0] * 0).sum(), (torch.ones(3),))).supported


@given(st.data(), integers(low=-(2**31), high=2**31 - 1), levels)
def test_integers(data: Any, x: torch.Tensor, level: int) -> None:
    index = data.draw(places(x.shape[0], negative=False))
    check_from(29, lambda x, i: x[i], [x.int(), index.reshape(-1)], level)
