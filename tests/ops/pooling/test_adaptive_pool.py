"""Adaptive pooling."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from nnapi_core.testing import Case, check_lowering, feature_levels, tensors

_sides = st.integers(1, 12)
_batches = st.sampled_from([(3,), (1, 3), (2, 5)])


def regular(size: int, count: int) -> bool:
    """Equal windows at equal distances?"""
    starts = [index * size // count for index in range(count)]
    ends = [-(-(index + 1) * size // count) for index in range(count)]
    lengths = {end - start for start, end in zip(starts, ends, strict=True)}
    steps = {b - a for a, b in pairwise(starts)}
    return len(lengths) == 1 and len(steps) <= 1


@pytest.mark.parametrize(
    "function", [functional.adaptive_avg_pool2d, functional.adaptive_max_pool2d]
)
@given(st.data(), _batches, st.tuples(_sides, _sides), st.tuples(_sides, _sides), feature_levels())
def test_two_dimensions(
    function: Any,
    data: st.DataObject,
    batch: tuple[int, ...],
    sizes: tuple[int, int],
    counts: tuple[int, int],
    level: int,
) -> None:
    x = data.draw(tensors(shape=(*batch, *sizes)))
    case = Case(lambda x: function(x, counts), (x,), level, terms=sizes[0] * sizes[1], magnitude=4)
    outcome = check_lowering(case)
    equal = all(regular(*one) for one in zip(sizes, counts, strict=True))
    assert outcome.supported or (level == 27 and not equal), outcome.reasons


@pytest.mark.parametrize(
    "function", [functional.adaptive_avg_pool1d, functional.adaptive_max_pool1d]
)
@given(st.data(), _batches, _sides, _sides, feature_levels())
def test_one_dimension(
    function: Any, data: st.DataObject, batch: tuple[int, ...], size: int, count: int, level: int
) -> None:
    x = data.draw(tensors(shape=(*batch, size)))
    case = Case(lambda x: function(x, count), (x,), level, terms=size, magnitude=4)
    outcome = check_lowering(case)
    assert outcome.supported or (level == 27 and not regular(size, count)), outcome.reasons


@settings(max_examples=12)
@given(st.data(), st.tuples(*[st.integers(1, 5)] * 3), feature_levels(28))
def test_largest_of_three_dimensions(
    data: st.DataObject, counts: tuple[int, int, int], level: int
) -> None:
    sizes = data.draw(st.tuples(*[st.integers(1, 6)] * 3))
    batch = data.draw(st.sampled_from([(2,), (1, 2)]))
    x = data.draw(tensors(shape=(*batch, *sizes)))
    outcome = check_lowering(Case(lambda x: functional.adaptive_max_pool3d(x, counts), (x,), level))
    assert outcome.supported, outcome.reasons


def test_the_mean_of_a_whole_image_is_one_operation() -> None:
    x = torch.randn(1, 5, 7, 7)
    converted = check_lowering(Case(torch.nn.AdaptiveAvgPool2d(1), (x,), 27, 49)).converted
    assert converted is not None
    assert converted.report.operations == {"AVERAGE_POOL_2D": 1}


@settings(max_examples=10)
@given(st.data(), st.sampled_from([1, 2]), feature_levels())
def test_indices(data: st.DataObject, spatial: int, level: int) -> None:
    sizes, counts = ([data.draw(_sides) for _ in range(spatial)] for _ in range(2))
    x = data.draw(tensors(shape=(2, 3, *sizes))).round()
    pool = functional.adaptive_max_pool1d if spatial == 1 else functional.adaptive_max_pool2d
    outcome = check_lowering(Case(lambda x: pool(x, counts, return_indices=True), (x,), level))
    equal = all(regular(*one) for one in zip(sizes, counts, strict=True))
    assert outcome.supported is (level >= 29 and equal), outcome.reasons


def test_indices_in_windows_as_large_as_an_image_are_refused() -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        return functional.adaptive_max_pool2d(x, 1, return_indices=True)[1]

    outcome = check_lowering(Case(function, (torch.randn(1, 2, 17, 16),)))
    assert not outcome.supported
    assert "use argmax" in outcome.reasons[0]
