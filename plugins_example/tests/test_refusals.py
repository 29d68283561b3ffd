"""Right, or refused with the values."""

from __future__ import annotations

import acme_nnapi.refusals
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nnapi_core.testing import Case, check_lowering, tensors

clip = torch.ops.acme.clip.default
LIMITS = st.sampled_from([(0.0, 6.0), (-1.0, 1.0), (0.0, 5.0), (-2.0, 2.0)])


@settings(max_examples=10)
@given(tensors(low=-9, high=9), LIMITS)
def test_is_right_or_says_why_not(x: torch.Tensor, limits: tuple[float, float]) -> None:
    low, high = limits
    outcome = check_lowering(Case(lambda x: clip(x, low, high), (x,)))
    if limits in acme_nnapi.refusals.CLIPS:
        assert outcome.supported, outcome.reasons
    else:
        assert f"from -1 to 1 (low={low}, high={high})" in outcome.reasons[0]
