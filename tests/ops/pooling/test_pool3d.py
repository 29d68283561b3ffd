"""Pooling over three dimensions."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from nnapi_core.conversion.convert import convert
from nnapi_core.testing import Case, check_lowering, feature_levels, tensors
from tests.ops.pooling.windows import windows


@pytest.mark.parametrize("kind", ["max", "average"])
@settings(max_examples=12)
@given(st.data(), feature_levels(29))
def test_sliding_windows(kind: str, data: st.DataObject, level: int) -> None:
    sizes, options = data.draw(windows(spatial=3, dilated=kind == "max"))
    if kind == "average":  # torch asks for this in three dimensions
        sizes = tuple(max(pair) for pair in zip(sizes, options["kernel_size"], strict=True))
    batch = data.draw(st.sampled_from([(2,), (1, 2), (2, 3)]))
    x = data.draw(tensors(shape=(*batch, *sizes))).contiguous()
    function: Any = functional.max_pool3d
    if kind == "average":
        function = functional.avg_pool3d
        options["count_include_pad"] = data.draw(st.booleans())
        options["divisor_override"] = data.draw(st.none() | st.integers(1, 5))
    case = Case(lambda x: function(x, **options), (x,), level, terms=64, magnitude=16)
    outcome = check_lowering(case)
    assert outcome.supported, outcome.reasons


@settings(max_examples=12)
@given(st.data(), st.tuples(*[st.integers(1, 5)] * 3), feature_levels(29))
def test_adaptive_windows(data: st.DataObject, counts: tuple[int, int, int], level: int) -> None:
    sizes = data.draw(st.tuples(*[st.integers(1, 6)] * 3))
    x = data.draw(tensors(shape=(1, 2, *sizes)))
    case = Case(
        lambda x: functional.adaptive_avg_pool3d(x, counts), (x,), level, terms=64, magnitude=4
    )
    outcome = check_lowering(case)
    assert outcome.supported, outcome.reasons


def test_rank_five_stays_rank_five() -> None:
    x = torch.randn(2, 3, 4, 4, 4)
    assert check_lowering(Case(torch.nn.MaxPool3d(2), (x,), 29)).supported


def test_whole_numbers_are_averaged_in_torch() -> None:
    module = torch.nn.AvgPool3d(2)
    x = torch.randint(-9, 9, (1, 2, 4, 4, 4), generator=torch.Generator().manual_seed(0))
    converted = convert(module, (x,), feature_level=30)
    assert torch.equal(converted(x), module(x))
