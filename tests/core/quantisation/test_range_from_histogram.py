"""Counting values over batches, and the ranges that are chosen for them: errors are those of real rounding."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from nnapi_core.quantisation.range_from_histogram import METHODS, ValueHistogram, ValueRange

SHAPES = {
    "normal": lambda g: torch.randn(4000, generator=g),
    "clamped": lambda g: torch.randn(4000, generator=g).relu(),
    "far ones": lambda g: torch.randn(4000, generator=g) ** 5,
    "negative": lambda g: -torch.rand(4000, generator=g) - 3,
    "few": lambda g: torch.randint(0, 3, (4000,), generator=g).float(),
}


def drawn(name: str, seed: int, count: int, size: float) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [SHAPES[name](generator) * size * 3.0 ** ((seed + i) % 5 - 2) for i in range(count)]


def counted(batches: list[torch.Tensor]) -> ValueHistogram:
    histogram = ValueHistogram()
    for one in batches:
        histogram.add(one)
    return histogram


def noise(values: torch.Tensor, given: ValueRange) -> float:
    scale = max((given.high - given.low) / 255, 2.0**-40)
    zero = round(-given.low / scale)
    integers = ((values / scale).round() + zero).clamp(0, 255)
    return float(((integers - zero) * scale - values).square().mean())


@settings(max_examples=20, deadline=None)
@given(
    name=st.sampled_from(sorted(SHAPES)),
    seed=st.integers(0, 1000),
    count=st.integers(1, 4),
    size=st.sampled_from([1e-6, 1.0, 1e20, 1e33]),
)
def test_ranges_and_their_errors(name: str, seed: int, count: int, size: float) -> None:
    batches = drawn(name, seed, count, size)
    values = torch.cat(batches).double()
    histogram = counted(batches)
    assert histogram.count == values.numel()
    assert histogram.low == min(float(values.min()), 0.0)
    assert histogram.high == max(float(values.max()), 0.0)
    whole = histogram.range("min-max")
    assert whole == ValueRange(histogram.low, histogram.high)
    for method in METHODS:
        chosen = histogram.range(method)
        assert histogram.low <= chosen.low <= 0 <= chosen.high <= histogram.high
        error = histogram.error(chosen)
        # Within a bin values are taken for its middle, 1/4096 of the range at most from each other.
        bin_width = 2 * (whole.high - whole.low) / 4096
        real = noise(values, chosen)
        assert abs(math.sqrt(error.noise) - math.sqrt(real)) <= bin_width
        beyond = float(((values < chosen.low) | (values > chosen.high)).double().mean())
        assert abs(error.clipped - beyond) < 0.02
    assert histogram.error(histogram.range("mse")).noise <= histogram.error(whole).noise
    assert histogram.error(histogram.range("percentile")).clipped <= 2.1e-4 + 1 / 4096


@settings(max_examples=10, deadline=None)
@given(name=st.sampled_from(sorted(SHAPES)), seed=st.integers(0, 1000))
def test_tensors_together_are_one(name: str, seed: int) -> None:
    """Whether they were counted in one or in several."""
    batches = drawn(name, seed, 3, 1.0)
    several = ValueHistogram.together([counted([one]) for one in batches])
    one = counted(batches)
    assert (several.count, several.low, several.high) == (one.count, one.low, one.high)
    values = torch.cat(batches).double()
    for method in ("min-max", "mse"):
        ranges = several.range(method), one.range(method)
        assert noise(values, ranges[0]) <= 1.1 * noise(values, ranges[1]) + 1e-30


@pytest.mark.parametrize("method", METHODS)
def test_nothing_but_zeros(method: str) -> None:
    histogram = counted([torch.zeros(5), torch.zeros(0)])
    assert histogram.range(method) == ValueRange(0.0, 0.0)
    assert histogram.error(ValueRange(0.0, 0.0)).decibels == math.inf


def test_the_zeros_of_a_clamp_do_not_hide_the_rest() -> None:
    values = torch.randn(20000, generator=torch.Generator().manual_seed(0)).relu()
    histogram = counted([values])
    assert histogram.error(histogram.range("histogram")).clipped < 0.01
