"""Property-based tests of the plugin, with the harness that torch-nnapi ships."""

from __future__ import annotations

import acme_nnapi.squareplus  # noqa: F401  (registers the op)
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nnapi_core.testing import Case, check_lowering, tensors

squareplus = torch.ops.acme.squareplus.default


@settings(max_examples=10)
@given(tensors(min_rank=1, max_rank=4), st.floats(0, 8))
def test_is_right(x: torch.Tensor, b: float) -> None:
    # Below 0 the two terms of the sum almost cancel, and their rounding is what remains.
    largest = 4 + b**0.5
    case = Case(lambda x: squareplus(x, b), (x,), feature_level=29, magnitude=largest)
    outcome = check_lowering(case)
    assert outcome.supported, outcome.reasons


@settings(max_examples=10)
@given(tensors(max_rank=2))
def test_sqrt_needs_level_29(x: torch.Tensor) -> None:
    outcome = check_lowering(Case(squareplus, (x,), feature_level=28))
    assert not outcome.supported
    assert "SQRT" in outcome.reasons[0]


def test_refuses_what_is_not_a_number() -> None:
    outcome = check_lowering(Case(lambda x: squareplus(x, -1.0), (torch.ones(2),)))
    assert "negative b" in outcome.reasons[0]
