"""Distances between rows."""

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
