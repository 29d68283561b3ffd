"""Dropout, which does nothing when a model is used."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from nnapi_core.testing import Case, check_lowering
from tests.ops.lowering_strategies import after_image, check_from, floats, levels


@given(floats(), st.sampled_from([0.0, 0.5, 1.0]), levels)
def test_dropout_in_use_does_nothing(x: torch.Tensor, p: float, level: int) -> None:
    def function(x: torch.Tensor) -> Any:
        return functional.dropout(x, p, False) + 1, torch.feature_dropout(x, p, False)

    check_from(27, function, [x], level)


def test_dropout_in_training_is_refused() -> None:
    outcome = check_lowering(
        Case(lambda x: after_image(functional.dropout(x, 0.0)), (torch.ones(1, 1, 2, 2),))
    )
    assert outcome.supported
    outcome = check_lowering(Case(lambda x: functional.dropout(x, 0.5, True) * 0, (torch.ones(3),)))
    assert not outcome.supported
    assert "model.eval()" in outcome.reasons[0]
