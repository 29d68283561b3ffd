"""Batch and instance normalisation."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from nnapi_core.testing import Case, check_lowering, feature_levels, tensors
from tests.ops.with_constants import WithConstants

_sizes = st.lists(st.integers(2, 5), max_size=3)


def check(function: Any, args: tuple[torch.Tensor, ...], level: int, *constants: Any) -> bool:
    layer = WithConstants(function, *constants)
    terms = 8 + args[0].numel()
    return check_lowering(Case(layer, args, level, terms, magnitude=32)).supported


@st.composite
def parameters(draw: st.DrawFn, channels: int) -> list[torch.Tensor | None]:
    """Mean, variance, weight and bias."""
    mean = draw(tensors(shape=(channels,)))
    variance = draw(tensors(shape=(channels,), low=0.25))
    weight, bias = (draw(st.none() | tensors(shape=(channels,))) for _ in range(2))
    return [mean, variance, weight, bias]


@given(st.data(), _sizes, st.integers(1, 5), feature_levels())
def test_batch_norm(data: st.DataObject, sizes: list[int], channels: int, level: int) -> None:
    x = data.draw(tensors(shape=(2, channels, *sizes)))
    assert check(functional.batch_norm, (x,), level, *data.draw(parameters(channels)))


@settings(max_examples=8)
@given(st.data(), feature_levels(29))
def test_computed_statistics(data: st.DataObject, level: int) -> None:
    x = data.draw(tensors(shape=(2, 3, 4, 5)))
    mean, variance, weight, bias = data.draw(parameters(3))
    assert mean is not None
    assert variance is not None
    assert check(
        lambda x, m, v, w, b: functional.batch_norm(x, m, v, w, b),
        (x, mean, variance),
        level,
        weight,
        bias,
    )


@settings(max_examples=8)
@given(st.data(), feature_levels(29))
def test_batch_norm_in_float16(data: st.DataObject, level: int) -> None:
    x = data.draw(tensors(shape=(2, 3, 4, 5), dtype=torch.float16))
    halves = [None if one is None else one.half() for one in data.draw(parameters(3))]
    assert check(functional.batch_norm, (x,), level, *halves)


@pytest.mark.parametrize("level", [28, 29])
def test_statistics_of_the_batch(level: int) -> None:
    x = torch.randn(4, 3, 5, 5)
    assert check(lambda x: functional.batch_norm(x, None, None, training=True), (x,), level)


def test_the_core_form() -> None:
    def function(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        form = torch.ops.aten._native_batch_norm_legit_no_training.default
        return form(x, None, None, w, w.abs(), 0.1, 1e-5)[0]

    assert check(function, (torch.randn(2, 3, 4, 4),), 27, torch.randn(3))


@given(st.data(), st.lists(st.integers(2, 5), min_size=1, max_size=3), feature_levels(28))
def test_instance_norm(data: st.DataObject, sizes: list[int], level: int) -> None:
    ramp = torch.arange(2 * 3 * torch.Size(sizes).numel()) % 7
    x = data.draw(tensors(shape=(2, 3, *sizes))) / 4 + ramp.reshape(2, 3, *sizes)
    mean, variance, weight, bias = data.draw(parameters(3))
    tracked = data.draw(st.booleans())

    def function(x: torch.Tensor, *given: Any) -> torch.Tensor:
        return functional.instance_norm(x, *given, use_input_stats=not tracked)

    statistics = (mean, variance) if tracked else (None, None)
    assert check(function, (x,), level, *statistics, weight, bias)


def test_instances_are_normalised_by_one_operation() -> None:
    x = torch.randn(2, 3, 4, 5)
    converted = check_lowering(Case(torch.nn.InstanceNorm2d(3), (x,), 29, 40, 8)).converted
    assert converted is not None
    assert converted.report.operations["INSTANCE_NORMALIZATION"] == 1
