"""Norms, and logarithms of sums of exponentials."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from tests.ops.lowering_strategies import check_from, floats, levels
from tests.ops.reduction.reductions import Drawn, reductions


@pytest.mark.parametrize("degree", [2, 1, 0, float("inf"), -float("inf"), 3])
@given(reductions(floats(low=-300, high=300)), levels, st.booleans())
def test_norm(degree: float, drawn: Drawn, level: int, image: bool) -> None:
    x, dims, keepdim = drawn
    x = torch.where(x.abs() < 0.5, 1, x)

    def function(x: torch.Tensor) -> Any:
        return torch.linalg.vector_norm(x, degree, dims or None, keepdim)

    check_from(29, function, [x], level, image=image, terms=x.numel())


@given(floats(min_rank=2, max_rank=4, low=0.5, dtypes=[torch.float32]), levels, st.booleans())
def test_normalised(x: torch.Tensor, level: int, image: bool) -> None:
    def function(x: torch.Tensor) -> Any:
        return (
            functional.normalize(x),
            x.norm(),
            x.norm(dim=1),
            functional.cosine_similarity(x, x * 2),
        )

    check_from(29, function, [x], level, image=image, terms=x.numel())


@given(reductions(floats(min_rank=1, dtypes=[torch.float32])), levels, st.booleans())
def test_logsumexp(drawn: Drawn, level: int, image: bool) -> None:
    x, dims, keepdim = drawn
    x = torch.where(x > 3, -float("inf"), torch.where(x < -3, x * 50, x))
    check_from(
        29,
        lambda x: x.logsumexp(dims, keepdim),
        [x],
        level,
        image=image,
        terms=x.numel(),
        magnitude=8.0,
    )


def test_logsumexp_of_infinities() -> None:
    inf = float("inf")
    x = torch.tensor([[1.0, inf], [-inf, -inf], [-inf, 2.0], [90.0, 91.0]])
    check_from(29, lambda x: x.logsumexp(1), [x], 29)
