"""Functions in integers that keep the scale of their input, have one of their own, or take several."""

from __future__ import annotations

from collections.abc import Callable

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings
from torch import nn

import nnapi_core
from tests.ops.quantisation.between_dequantize_and_quantize import (
    EXAMPLES,
    Grid,
    Sandwich,
    dtypes,
    grids,
    levels,
    quantized,
    sandwich,
    seeds,
)

# Functions whose results keep the scale of their input, and the level from which they are in integers.
KEEP: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], int]] = {
    "max_pool": (lambda x: F.max_pool2d(x, 3, 2, 1), 27),
    "avg_pool": (lambda x: F.avg_pool2d(x, 2), 27),
    "avg_pool padded": (lambda x: F.avg_pool2d(x, 3, 2, 1), 29),
    "adaptive": (lambda x: F.adaptive_avg_pool2d(x, 1), 27),
    "mean": (lambda x: x.mean((2, 3)), 28),
    "mean kept": (lambda x: x.mean((1,), True), 28),
    "relu": (F.relu, 27),
    "relu6": (F.relu6, 27),
    "view": (lambda x: x.reshape(x.shape[0], -1), 27),
    "permute": (lambda x: x.permute(0, 2, 3, 1), 28),
    "transpose": (lambda x: x.transpose(1, 2), 28),
    "slice": (lambda x: x[:, 1:3], 28),
    "stepped slice": (lambda x: x[:, :, ::2], 28),
    "select": (lambda x: x[:, 0], 28),
    "pad": (lambda x: F.pad(x, (1, 2, 0, 1)), 29),
    "nearest": (lambda x: F.interpolate(x, scale_factor=2), 29),
    "bilinear": (lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), 30),
    "corners": (
        lambda x: F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True),
        30,
    ),
    "shuffle": (lambda x: F.pixel_shuffle(x, 2), 27),
    "repeat": (lambda x: x.repeat(1, 2, 1, 1), 29),
    "flip": (lambda x: x.flip(2), 29),
}


@pytest.mark.parametrize("name", sorted(KEEP))
@settings(max_examples=6, deadline=None)
@given(data=st.data(), dtype=dtypes, level=levels, seed=seeds, same=st.booleans())
def test_the_scale_of_the_input(
    name: str, data: st.DataObject, dtype: torch.dtype, level: int, seed: int, same: bool
) -> None:
    function, since = KEEP[name]
    grid = data.draw(grids(dtype))
    reasons = sandwich(function, [grid], [(2, 4, 6, 6)], seed, level, grid if same else None)
    assert not reasons or level < since or not same


FIXED: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], float, int, int]] = {
    "sigmoid": (torch.sigmoid, 1 / 256, 0, 27),
    "tanh": (torch.tanh, 1 / 128, 128, 29),
    "softmax": (lambda x: x.softmax(-1), 1 / 256, 0, 27),
    "softmax 1": (lambda x: x.softmax(1), 1 / 256, 0, 29),
}


@pytest.mark.parametrize("name", sorted(FIXED))
@settings(max_examples=6, deadline=None)
@given(data=st.data(), dtype=dtypes, level=levels, seed=seeds, given_scale=st.booleans())
def test_fixed_scales(
    name: str, data: st.DataObject, dtype: torch.dtype, level: int, seed: int, given_scale: bool
) -> None:
    function, scale, zero, since = FIXED[name]
    grid = data.draw(grids(dtype))
    fixed = Grid(scale, zero - (128 if dtype is torch.int8 else 0), dtype)
    reasons = sandwich(
        function, [grid], [(2, 3, 4, 5)], seed, level, fixed if given_scale else None
    )
    assert not reasons or level < since or not given_scale


@EXAMPLES
@given(data=st.data(), dtype=dtypes, level=levels, seed=seeds, same=st.booleans())
def test_cat(data: st.DataObject, dtype: torch.dtype, level: int, seed: int, same: bool) -> None:
    first = data.draw(grids(dtype))
    second = first if same else data.draw(grids(dtype))
    reasons = sandwich(
        lambda a, b: torch.cat([a, b], 1),
        [first, second],
        [(2, 3, 4, 4), (2, 2, 4, 4)],
        seed,
        level,
    )
    assert not reasons or level < 29


@EXAMPLES
@given(data=st.data(), dtype=dtypes, level=levels, seed=seeds)
def test_hardswish_and_prelu(
    data: st.DataObject, dtype: torch.dtype, level: int, seed: int
) -> None:
    grid = data.draw(grids(dtype))
    reasons = sandwich(F.hardswish, [grid], [(2, 3, 4, 5)], seed, level)
    assert not reasons or level < 30
    slopes = data.draw(grids(dtype))
    sandwich(F.prelu, [grid, slopes], [(2, 3, 4, 5), (3,)], seed, level)


@EXAMPLES
@given(data=st.data(), dtype=dtypes, level=st.sampled_from((29, 30)), seed=seeds)
def test_places_of_extremes(data: st.DataObject, dtype: torch.dtype, level: int, seed: int) -> None:
    grid = data.draw(grids(dtype))
    x = grid.sample((3, 20), seed)
    module = Sandwich(lambda a: a, [grid], grid)
    module.forward = lambda a: grid.rounded(a).argmax(1)  # type: ignore[method-assign]
    converted = nnapi_core.convert(module, (x,), feature_level=level)
    rounded = grid.rounded(x)
    assert torch.equal(rounded.gather(1, converted(x)[:, None])[:, 0], rounded.amax(1))


@EXAMPLES
@given(data=st.data(), level=st.sampled_from((29, 30)), seed=seeds)
def test_a_part_of_the_range_is_not_taken_for_the_whole(
    data: st.DataObject, level: int, seed: int
) -> None:
    grid = data.draw(grids(torch.uint8))

    class Narrow(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seven = quantized.quantize_per_tensor(
                x, grid.scale, grid.zero_point, 0, 127, torch.uint8
            )
            return quantized.dequantize_per_tensor(
                seven, grid.scale, grid.zero_point, 0, 127, torch.uint8
            ).relu()

    x = grid.sample((3, 4), seed)
    converted = nnapi_core.convert(Narrow(), (x,), feature_level=level)
    torch.testing.assert_close(converted(x), Narrow()(x))
