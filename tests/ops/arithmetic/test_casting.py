"""Changes of dtype."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.testing import Case, check_lowering
from tests.ops.lowering_strategies import check_from, few, floats, integers, levels

FLOATS = [torch.float32, torch.float16]
INTEGERS = [torch.int32, torch.int64]


@pytest.mark.parametrize("target", [*FLOATS, torch.int32, torch.bool])
@few
@given(floats(), levels, st.booleans())
def test_floats(target: torch.dtype, x: torch.Tensor, level: int, image: bool) -> None:
    x = torch.where(x.abs() < 1, 0, x)
    check_from(
        29,
        lambda x: (x.to(target), x.type_as(torch.ones(1, dtype=target))),
        [x],
        level,
        image=image,
    )


@pytest.mark.parametrize("target", [*FLOATS, *INTEGERS, torch.bool])
@few
@given(integers(low=-2000, high=2000), levels)
def test_integers(target: torch.dtype, x: torch.Tensor, level: int) -> None:
    check_from(29, lambda x: (x.to(target), (x > 0).to(target)), [x], level)


@given(floats(dtypes=[torch.float32]), levels)
def test_int64_from_floats_that_are_known_to_fit(x: torch.Tensor, level: int) -> None:
    def function(x: torch.Tensor) -> Any:
        return x.clamp(-1e6, 1e6).long(), (x.sigmoid() * 255).clamp(0, 255).to(torch.int64)

    check_from(29, lambda x: function(x)[0], [x * 1000], level)


def test_int64_from_any_float_is_refused() -> None:
    outcome = check_lowering(Case(lambda x: x.long(), (torch.ones(3),)))
    assert not outcome.supported
    assert "beyond int32" in outcome.reasons[0]


@pytest.mark.parametrize("target", [torch.float64, torch.bfloat16, torch.int8, torch.uint8])
def test_dtypes_that_nnapi_has_not_are_refused(target: torch.dtype) -> None:
    outcome = check_lowering(Case(lambda x: x.to(target), (torch.ones(3),)))
    assert not outcome.supported
    assert "dtype" in outcome.reasons[0]
