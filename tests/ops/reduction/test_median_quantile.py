"""The k-th smallest element, the median and quantiles."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.ops.lowering_strategies import check_from, levels
from tests.ops.reduction.test_sort_topk import distinct


@given(distinct(), st.integers(0, 4), st.integers(0, 4), st.booleans(), levels)
def test_kthvalue(x: torch.Tensor, dim: int, k: int, keepdim: bool, level: int) -> None:
    dim %= x.dim()
    k = k % x.shape[dim] + 1
    check_from(29, lambda x: tuple(torch.kthvalue(x, k, dim, keepdim)), [x], level)


@given(distinct(), st.integers(0, 4), st.booleans(), levels)
def test_median(x: torch.Tensor, dim: int, keepdim: bool, level: int) -> None:
    dim %= x.dim()
    check_from(29, lambda x: (x.median(), *x.median(dim, keepdim)), [x], level)


@given(
    distinct(),
    st.integers(0, 4),
    st.floats(0, 1),
    st.sampled_from(["linear", "lower", "higher", "nearest", "midpoint"]),
    levels,
)
def test_quantile(x: torch.Tensor, dim: int, q: float, interpolation: str, level: int) -> None:
    dim %= x.dim()
    # Torch multiplies in float32: a rank beside a whole number may be that number.
    rank = q * (x.shape[dim] - 1)
    if abs(rank * 2 - round(rank * 2)) < 1e-3:
        q = round(q * 2) / 2 if x.shape[dim] == 2 else 0.0

    def function(x: torch.Tensor) -> torch.Tensor:
        return torch.quantile(x, q, dim, interpolation=interpolation)

    check_from(29, function, [x], level, terms=4)
