"""Rows of a table, bags of them, and one-hot rows."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from nnapi_core.testing import Case, check_lowering, shapes
from tests.ops.indexing.index_tensors import places
from tests.ops.lowering_strategies import check_from, integers, levels


@given(st.data(), levels)
def test_embedding(data: Any, level: int) -> None:
    index = data.draw(places(7, shape=data.draw(shapes(max_rank=4, max_side=3)), negative=False))
    module = torch.nn.Embedding(7, 3)
    check_from(27 if index.dim() == 1 else 29, module, [index], level)


@given(st.integers(1, 4), st.integers(1, 5), st.sampled_from(["sum", "mean", "max"]), levels)
def test_bags_of_one_size(bags: int, size: int, mode: str, level: int) -> None:
    module = nn.EmbeddingBag(10, 6, mode=mode)
    # Below level 30 a reshape of integers needs them to be small.
    check_from(30, module, [torch.randint(0, 10, (bags, size))], level, terms=8)
    offsets = torch.arange(0, bags * size, size)
    flat = torch.randint(0, 10, (bags * size,))
    check_from(29, lambda i: module(i, offsets), [flat], level, terms=8)


def test_weights_and_last_offset() -> None:
    table = torch.randn(10, 4)

    def function(indices: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        offsets = torch.tensor([0, 3, 6])
        return functional.embedding_bag(
            indices,
            table,
            offsets,
            mode="sum",
            per_sample_weights=weights,
            include_last_offset=True,
        )

    args = (torch.randint(0, 10, (6,)), torch.rand(6))
    outcome = check_lowering(Case(function, args, terms=8))
    assert outcome.supported, outcome.reasons


def test_bags_of_different_sizes_are_refused() -> None:
    module = nn.EmbeddingBag(10, 4)
    case = Case(lambda i: module(i, torch.tensor([0, 1])), (torch.randint(0, 10, (6,)),))
    outcome = check_lowering(case)
    assert not outcome.supported
    assert "different sizes" in outcome.reasons[0]


@given(integers(low=0, high=5, max_rank=3), levels)
def test_one_hot(x: torch.Tensor, level: int) -> None:
    check_from(30, lambda x: functional.one_hot(x, 6), [x.long()], level)
