"""Variances and standard deviations."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.ops.lowering_strategies import check_from, floats, levels
from tests.ops.reduction.reductions import Drawn, reductions


@given(reductions(floats(min_rank=1)), st.sampled_from([0, 1, 0.5]), levels, st.booleans())
def test_variance(drawn: Drawn, correction: float, level: int, image: bool) -> None:
    x, dims, keepdim = drawn
    count = x.numel() // max(x.mean(dims).numel(), 1)
    assume(count > correction)

    def function(x: torch.Tensor) -> Any:
        return torch.var(x, dims, correction=correction, keepdim=keepdim), torch.var_mean(
            x, dims, correction=correction, keepdim=keepdim
        )

    check_from(28, function, [x], level, image=image, terms=x.numel(), magnitude=16.0)


@given(reductions(floats(min_rank=2, dtypes=[torch.float32])), levels)
def test_deviation(drawn: Drawn, level: int) -> None:
    x, dims, keepdim = drawn
    x = x + torch.arange(x.numel()).reshape(x.shape)  # the root of what is nearly 0 has no digits

    def function(x: torch.Tensor) -> Any:
        return x.std(dims, keepdim=keepdim, correction=0), torch.std_mean(x, dims, correction=0)

    check_from(29, function, [x], level, terms=x.numel(), bound=0.01)
