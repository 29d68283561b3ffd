"""Both passes leave a model that computes the same, with other operations."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nnapi_core.testing import Case, Outcome, check_lowering, tensors


def operations(outcome: Outcome) -> dict[str, int]:
    assert outcome.converted is not None, outcome.reasons
    return outcome.converted.report.operations


@settings(max_examples=10)
@given(tensors(), st.sampled_from([2, 3]))
def test_squares_are_products(x: torch.Tensor, exponent: int) -> None:
    made = operations(check_lowering(Case(lambda x: torch.relu(x) ** exponent, (x,))))
    assert ("MUL" in made and "POW" not in made) or exponent != 2


@settings(max_examples=10)
@given(tensors(), st.sampled_from([-1.0, -2.0]))
def test_a_sign_that_abs_takes_away(x: torch.Tensor, factor: float) -> None:
    outcome = check_lowering(Case(lambda x: torch.abs(x * factor), (x,), feature_level=29))
    assert operations(outcome) == ({"ABS": 1} if factor == -1 else {"MUL": 1, "ABS": 1})
