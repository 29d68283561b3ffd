"""Logic of booleans."""

from __future__ import annotations

import operator
from typing import Any

import pytest
import torch
from hypothesis import given

from nnapi_core.testing import Case, check_lowering
from tests.ops.lowering_strategies import broadcasting, check_from, few, integers, levels


@pytest.mark.parametrize("function", [operator.and_, operator.or_, operator.xor])
@few
@given(broadcasting(dtype=torch.bool, max_rank=5), levels)
def test_bitwise(function: Any, args: list[torch.Tensor], level: int) -> None:
    check_from(29, lambda x, y: (function(x, y), function(x, True), ~x), args, level)


@pytest.mark.parametrize("function", [torch.logical_and, torch.logical_or, torch.logical_xor])
@few
@given(broadcasting(), levels)
def test_logical(function: Any, args: list[torch.Tensor], level: int) -> None:
    args = [x.round() for x in args]
    check_from(
        29, lambda x, y: (function(x, y), function(x > 0, y), ~torch.logical_not(x)), args, level
    )


@given(integers(low=-(2**31), high=2**31 - 1), levels)
def test_not_of_an_integer(x: torch.Tensor, level: int) -> None:
    check_from(30, lambda x: ~x, [x], level)


def test_bits_of_integers_are_refused() -> None:
    outcome = check_lowering(Case(lambda x: x & 3, (torch.ones(3, dtype=torch.int32),)))
    assert not outcome.supported
    assert "bits of integers" in outcome.reasons[0]
