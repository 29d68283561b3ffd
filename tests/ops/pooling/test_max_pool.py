"""The largest elements of sliding windows."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from nnapi_core.testing import Case, check_lowering, feature_levels
from tests.ops.lowering_strategies import operations
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
@given(st.data(), st.sampled_from([1, 2]), feature_levels(), st.booleans(), st.booleans())
def test_indices(data: st.DataObject, spatial: int, level: int, alone: bool, ties: bool) -> None:
    x, options = data.draw(pooled(spatial=spatial, dilated=True))
    # Of several that are largest, torch takes the first.
    x = x.round() if ties else x

    def function(x: torch.Tensor) -> Any:
        pool = functional.max_pool1d if spatial == 1 else functional.max_pool2d
        both = pool(x, **options, return_indices=True)
        return both[1] if alone else both

    outcome = check_lowering(Case(function, (x,), level))
    assert outcome.supported or level < 29, outcome.reasons


def test_indices_of_windows_of_infinities() -> None:
    x = torch.full((1, 2, 5, 6), -torch.inf)
    x[0, 1, 2, 3] = 1.0
    case = Case(lambda x: functional.max_pool2d(x, 3, 2, 1, return_indices=True), (x,))
    assert check_lowering(case).supported


def test_indices_that_nobody_reads_cost_nothing() -> None:
    case = Case(
        lambda x: functional.max_pool2d(x, 2, return_indices=True)[0],
        (torch.randn(1, 3, 4, 4),),
        27,
    )
    assert operations(check_lowering(case)) == {"MAX_POOL_2D": 1}


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
