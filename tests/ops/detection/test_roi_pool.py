"""Maxima of regions of feature maps, held against torchvision's published semantics."""

from __future__ import annotations

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import nnapi_core.detection.operators  # noqa: F401
from nnapi_core.testing import Case, check_lowering, feature_levels
from tests.ops.detection.roi_strategies import Regions, feature_map, regions, regions_in_eighths
from tests.ops.detection.torchvision_semantics import supported
from tests.ops.quantisation.between_dequantize_and_quantize import Grid, dtypes, grids, sandwich

LEVELS = feature_levels(29)


def plain_pool(input: Tensor, rois: Tensor, scale: float, height: int, width: int) -> Tensor:
    def rounded(value: float) -> int:
        return math.floor(abs(value) + 0.5) * (1 if value >= 0 else -1)

    out = torch.zeros(len(rois), input.shape[1], height, width)
    for n, roi in enumerate(rois):
        x1, y1, x2, y2 = (rounded(float(one * scale)) for one in roi[1:])
        w, h = (torch.tensor(max(one + 1, 1) * 1.0) for one in (x2 - x1, y2 - y1))
        for p in range(height):
            for q in range(width):
                top, bottom = (
                    math.floor(p * (h / height)) + y1,
                    math.ceil((p + 1) * (h / height)) + y1,
                )
                left, right = (
                    math.floor(q * (w / width)) + x1,
                    math.ceil((q + 1) * (w / width)) + x1,
                )
                part = input[
                    int(roi[0]), :, max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)
                ]
                if part.numel():
                    out[n, :, p, q] = part.flatten(1).max(dim=1).values
    return out


@settings(max_examples=25)
@given(
    regions(images=1, scales=st.sampled_from([1.0, 0.5, 0.25])),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    LEVELS,
)
def test_roi_pool_of_clipped_regions(drawn: Regions, size: tuple[int, int], level: int) -> None:
    input, rois, scale = drawn.input, drawn.rois, drawn.scale
    theirs = torch.ops.torchvision.roi_pool(input, rois, scale, *size)
    assert torch.equal(theirs[0], plain_pool(input, rois, scale, *size))
    at = theirs[1].flatten(2).long()
    taken = input[0].flatten(1).expand(len(rois), -1, -1).gather(2, at.clamp(min=0))
    assert torch.equal(torch.where(at < 0, 0.0, taken), theirs[0].flatten(2))

    def function(input: Tensor, boxes: Tensor) -> Tensor:
        return torch.ops.nnapi.roi_pool(input, boxes, scale, *size)

    supported(check_lowering(Case(function, (input, rois[:, 1:]), level)))


@settings(max_examples=25)
@given(regions(), st.tuples(st.integers(1, 4), st.integers(1, 4)), st.booleans(), LEVELS)
def test_roi_pool_of_regions_anywhere(
    drawn: Regions, size: tuple[int, int], known: bool, level: int
) -> None:
    """Some halves among the corners, and an infinity on the map, which no part without cells has."""
    input, rois, scale = drawn.input, drawn.rois, drawn.scale
    input[0, 0, 0, 0] = math.inf
    rois[::2, 1:] = (rois[::2, 1:] * scale).round().add(0.5) / scale
    pool = torch.ops.torchvision.roi_pool
    if known:
        case = Case(lambda i: pool(i, rois, scale, *size)[0], (input,), level)
    else:
        case = Case(lambda i, r: pool(i, r, scale, *size)[0], (input, rois), level)
    supported(check_lowering(case))


def test_where_the_maxima_are_is_not_known() -> None:
    args = (feature_map(1, 1, 4, 4, 0), torch.tensor([[0.0, 0.0, 0.0, 2.0, 2.0]]))
    outcome = check_lowering(
        Case(lambda i, r: torch.ops.torchvision.roi_pool(i, r, 1.0, 2, 2), args, 29)
    )
    assert not outcome.supported and "where the maxima are" in outcome.reasons[0]


# ---- in integers


@settings(max_examples=15, deadline=None)
@given(
    st.data(),
    dtypes,
    regions_in_eighths(),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.integers(0, 2**16),
    st.sampled_from([29, 30]),
)
def test_roi_pool_of_known_regions_in_integers(
    data: st.DataObject,
    dtype: torch.dtype,
    drawn: Regions,
    size: tuple[int, int],
    seed: int,
    level: int,
) -> None:
    shape = tuple(drawn.input.shape)

    def function(x: Tensor) -> Tensor:
        return torch.ops.torchvision.roi_pool(x, drawn.rois, drawn.scale, *size)[0]

    grid = data.draw(grids(dtype))
    out = grid if data.draw(st.booleans()) else None
    islands = sandwich(function, [grid], [shape], seed, level, out)
    with torch.no_grad():
        empty = torch.isnan(function(torch.full(shape, math.nan))).logical_not().any()
    assert bool(islands) <= bool(empty), islands


def test_regions_of_quantised_maps_that_are_computed_are_an_island() -> None:
    def of_computed(x: Tensor) -> Tensor:
        return torch.ops.nnapi.roi_pool(x, x[0, 0, :3, :4] * 2.0, 1.0, 2, 2)

    grid = Grid(0.1, 128, torch.uint8)
    reasons = sandwich(of_computed, [grid], [(1, 2, 6, 6)], 0, 29, grid)
    assert any("eighths of a pixel" in reason for reason in reasons), reasons
