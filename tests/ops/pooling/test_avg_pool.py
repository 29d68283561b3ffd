"""Averages over sliding windows."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from nnapi_core.testing import Case, check_lowering, feature_levels
from tests.ops.pooling.windows import pooled


@given(
    pooled(spatial=2, dilated=False),
    st.booleans(),
    st.none() | st.integers(1, 5),
    feature_levels(),
)
def test_avg_pool2d(
    drawn: tuple[torch.Tensor, dict[str, Any]], include: bool, divisor: int | None, level: int
) -> None:
    x, options = drawn
    terms = options["kernel_size"][0] * options["kernel_size"][1]
    options |= {"count_include_pad": include, "divisor_override": divisor}
    case = Case(
        lambda x: functional.avg_pool2d(x, **options),
        (x,),
        level,
        terms,
        magnitude=4 * terms / (divisor or terms),
    )
    outcome = check_lowering(case)
    assert outcome.supported, outcome.reasons


@given(pooled(spatial=1, dilated=False), st.booleans(), feature_levels())
def test_avg_pool1d(drawn: tuple[torch.Tensor, dict[str, Any]], include: bool, level: int) -> None:
    x, options = drawn
    options |= {"count_include_pad": include}
    terms = options["kernel_size"][0]
    outcome = check_lowering(
        Case(lambda x: functional.avg_pool1d(x, **options), (x,), level, terms, magnitude=4)
    )
    assert outcome.supported, outcome.reasons
