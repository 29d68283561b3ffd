"""The largest elements of sliding windows."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from nnapi_core.testing import Case, check_lowering, feature_levels
from tests.ops.pooling.windows import pooled


def is_dilated(options: dict[str, Any]) -> bool:
    pairs = zip(options["kernel_size"], options["dilation"], strict=True)
    return any(kernel > 1 and step > 1 for kernel, step in pairs)


@given(pooled(spatial=2, dilated=True), feature_levels())
def test_max_pool2d(drawn: tuple[torch.Tensor, dict[str, Any]], level: int) -> None:
    x, options = drawn
    outcome = check_lowering(Case(lambda x: functional.max_pool2d(x, **options), (x,), level))
    assert outcome.supported or (level < 29 and is_dilated(options)), outcome.reasons


@given(pooled(spatial=1, dilated=True), feature_levels())
def test_max_pool1d(drawn: tuple[torch.Tensor, dict[str, Any]], level: int) -> None:
    x, options = drawn
    outcome = check_lowering(Case(lambda x: functional.max_pool1d(x, **options), (x,), level))
    assert outcome.supported or (level < 29 and is_dilated(options)), outcome.reasons


@settings(max_examples=10)
@given(pooled(spatial=2, dilated=True), feature_levels(29), st.sampled_from([0, 1]))
def test_indices_are_refused_only_where_they_are_read(
    drawn: tuple[torch.Tensor, dict[str, Any]], level: int, result: int
) -> None:
    x, options = drawn

    def function(x: torch.Tensor) -> torch.Tensor:
        return functional.max_pool2d(x, **options, return_indices=True)[result]

    assert check_lowering(Case(function, (x,), level)).supported is (result == 0)


@settings(max_examples=10)
@given(pooled(spatial=2, dilated=False, dtype=torch.float16), feature_levels(29))
def test_float16(drawn: tuple[torch.Tensor, dict[str, Any]], level: int) -> None:
    x, options = drawn
    for function in (functional.max_pool2d, functional.avg_pool2d):
        case = Case(lambda x, f=function: f(x, **options), (x,), level, 16, magnitude=4)
        assert check_lowering(case).supported


@pytest.mark.parametrize("function", [functional.max_pool2d, functional.avg_pool2d])
def test_nothing_is_moved_around_a_pooling_of_one_dimension(function: Any) -> None:
    for x, kernel in ((torch.randn(2, 3, 8), [1, 2]), (torch.randn(3, 6, 8), [2, 2])):
        converted = check_lowering(
            Case(lambda x, k=kernel: function(x, k), (x,), terms=4)
        ).converted
        assert converted is not None
        assert converted.report.transposes == 0
