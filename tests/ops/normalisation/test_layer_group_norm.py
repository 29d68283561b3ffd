"""Layer, group and root-mean-square normalisation."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from nnapi_core.testing import Case, check_lowering, feature_levels, shapes, tensors
from tests.ops.with_constants import WithConstants

# Elements are divided by their deviation, which rounding of the mean changes most where it is small.
_EPS = st.sampled_from([1e-5, 1e-2, 0.5])


def check(function: Any, x: torch.Tensor, level: int, *constants: Any, **options: Any) -> bool:
    layer = WithConstants(function, *constants, **options)
    terms = 8 + x.numel()
    return check_lowering(Case(layer, (x,), level, terms, magnitude=16)).supported


def spread(x: torch.Tensor) -> torch.Tensor:
    """With numbers far enough apart that the deviation is not rounding alone."""
    ramp = torch.arange(x.numel(), dtype=x.dtype).reshape(x.shape) % 7
    return x / 4 + ramp


@given(st.data(), shapes(min_rank=1, max_rank=5, max_side=5), _EPS, feature_levels(28))
def test_layer_norm(data: st.DataObject, shape: tuple[int, ...], eps: float, level: int) -> None:
    x = spread(data.draw(tensors(shape=shape)))
    count = data.draw(st.integers(1, min(len(shape), 3)))
    inner = shape[len(shape) - count :]
    weight = data.draw(st.none() | tensors(shape=inner))
    bias = data.draw(st.none() | tensors(shape=inner))

    def function(x: torch.Tensor, weight: Any, bias: Any) -> torch.Tensor:
        return functional.layer_norm(x, inner, weight, bias, eps)

    assert check(function, x, level, weight, bias)


@given(st.data(), shapes(min_rank=1, max_rank=5, max_side=5), feature_levels())
def test_rms_norm(data: st.DataObject, shape: tuple[int, ...], level: int) -> None:
    x = data.draw(tensors(shape=shape, low=0.5))
    count = data.draw(st.integers(1, min(len(shape), 3)))
    inner = shape[len(shape) - count :]
    weight = data.draw(st.none() | tensors(shape=inner))
    eps = data.draw(st.sampled_from([None, 1e-6, 0.1]))

    def function(x: torch.Tensor, weight: Any) -> torch.Tensor:
        return functional.rms_norm(x, inner, weight, eps)

    assert check(function, x, level, weight)


@given(st.data(), st.integers(1, 3), st.integers(1, 3), st.integers(0, 3), feature_levels(28))
def test_group_norm(data: st.DataObject, groups: int, each: int, spatial: int, level: int) -> None:
    sizes = [data.draw(st.integers(2, 5)) for _ in range(spatial)]
    x = spread(data.draw(tensors(shape=(2, groups * each, *sizes))))
    if x[0].numel() == groups:
        return  # torch has no variance of one element
    weight, bias = (data.draw(st.none() | tensors(shape=(groups * each,))) for _ in range(2))

    def function(x: torch.Tensor, weight: Any, bias: Any) -> torch.Tensor:
        return functional.group_norm(x, groups, weight, bias)

    assert check(function, x, level, weight, bias)


@settings(max_examples=10)
@given(tensors(shape=(2, 4, 3, 5), dtype=torch.float16), feature_levels(29))
def test_float16_beyond_the_range_of_its_squares(x: torch.Tensor, level: int) -> None:
    x = spread(x) * 500
    assert check(lambda x: functional.layer_norm(x, (5,)), x, level)
    assert check(lambda x: functional.rms_norm(x, (5,)), x, level)
    assert check(lambda x: functional.group_norm(x, 2), x, level)


def test_groups_of_images_are_not_moved() -> None:
    layer = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 1), torch.nn.GroupNorm(2, 4), torch.nn.Conv2d(4, 2, 1)
    )
    x = torch.randn(1, 3, 5, 5).contiguous(memory_format=torch.channels_last)
    converted = check_lowering(Case(layer, (x,), 29, 100, 10)).converted
    assert converted is not None
    assert converted.report.transposes == 0


@pytest.mark.parametrize("results", [1, 3])
def test_the_core_forms(results: int) -> None:
    x, w = torch.randn(2, 4, 5), torch.randn(4)

    def layer(x: torch.Tensor, w: torch.Tensor) -> Any:
        return torch.ops.aten.native_layer_norm.default(x, [5], None, None, 1e-5)[:results]

    def group(x: torch.Tensor, w: torch.Tensor) -> Any:
        return torch.ops.aten.native_group_norm.default(x, w, None, 2, 4, 5, 2, 1e-5)[:results]

    for function in (layer, group):
        assert check(function, x, 29, w)
