"""Operators that are said in terms of others."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from nnapi_core.testing import Case, check_lowering, tensors


@settings(max_examples=8)
@given(
    st.data(), st.integers(1, 4), st.integers(1, 4), st.sampled_from([0.0, 1.0, 2.0, float("inf")])
)
def test_cdist(data: st.DataObject, n: int, m: int, p: float) -> None:
    a = data.draw(tensors(shape=(n, 3)))
    b = data.draw(tensors(shape=(m, 3)))
    outcome = check_lowering(
        Case(lambda a, b: torch.cdist(a, b, p, "donot_use_mm_for_euclid_dist"), (a, b), terms=8)
    )
    assert outcome.supported, outcome.reasons


@settings(max_examples=8)
@given(tensors(min_rank=2, max_rank=2), st.sampled_from([0.0, 1.0, 2.0, float("inf")]))
def test_pdist(x: torch.Tensor, p: float) -> None:
    if x.shape[0] > 1:
        outcome = check_lowering(Case(lambda x: nn.functional.pdist(x, p), (x,), terms=8))
        assert outcome.supported, outcome.reasons


volumes = st.tuples(st.integers(1, 2), st.integers(1, 3), *[st.integers(2, 5)] * 3).flatmap(
    lambda shape: tensors(shape=shape)
)


@settings(max_examples=10)
@given(volumes, st.integers(1, 2), st.integers(1, 3), st.integers(0, 1))
def test_pool3d(x: torch.Tensor, kernel: int, stride: int, padding: int) -> None:
    padding = min(padding, kernel // 2)
    for pool in (nn.functional.avg_pool3d, nn.functional.max_pool3d):
        outcome = check_lowering(
            Case(lambda x, pool=pool: pool(x, kernel, stride, padding), (x,), terms=kernel**3)
        )
        assert outcome.supported, outcome.reasons


@settings(max_examples=8)
@given(volumes)
def test_adaptive_avg_pool3d(x: torch.Tensor) -> None:
    outcome = check_lowering(
        Case(lambda x: nn.functional.adaptive_avg_pool3d(x, 1), (x,), terms=128)
    )
    assert outcome.supported, outcome.reasons
