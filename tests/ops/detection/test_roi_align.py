"""Averages of regions of feature maps, held against torchvision's published semantics."""

from __future__ import annotations

import math

import pytest
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
# Height and width of what is made of a region, and the sampling ratio.
GRIDS = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(-1, 3))


def plain_align(
    input: Tensor, rois: Tensor, scale: float, height: int, width: int, ratio: int, aligned: bool
) -> Tensor:
    """torchvision's kernel, number by number."""
    out = torch.zeros(len(rois), input.shape[1], height, width, dtype=torch.float64)
    cells_h, cells_w = input.shape[-2:]
    offset = 0.5 if aligned else 0.0
    for n, roi in enumerate(rois.double()):
        features = input[int(roi[0])].double()
        x1, y1, x2, y2 = (float(one) * scale - offset for one in roi[1:])
        w, h = x2 - x1, y2 - y1
        if not aligned:
            w, h = max(w, 1.0), max(h, 1.0)
        rows = ratio if ratio > 0 else math.ceil(h / height)
        columns = ratio if ratio > 0 else math.ceil(w / width)
        for p in range(height):
            for q in range(width):
                for i in range(rows):
                    for j in range(columns):
                        y = y1 + h / height * (p + (i + 0.5) / rows)
                        x = x1 + w / width * (q + (j + 0.5) / columns)
                        if -1 <= y <= cells_h and -1 <= x <= cells_w:
                            out[n, :, p, q] += between(features, max(y, 0.0), max(x, 0.0))
        out[n] /= max(rows * columns, 1)
    return out


def between(features: Tensor, y: float, x: float) -> Tensor:
    (top, bottom, down), (left, right, across) = (
        (size - 1, size - 1, 0.0) if at >= size - 1 else (int(at), int(at) + 1, at - int(at))
        for at, size in ((y, features.shape[1]), (x, features.shape[2]))
    )
    upper = features[:, top, left] * (1 - across) + features[:, top, right] * across
    lower = features[:, bottom, left] * (1 - across) + features[:, bottom, right] * across
    return upper * (1 - down) + lower * down


def slack(drawn: Regions) -> float:
    """What rounding a place does to the value there: its error in cells times the steepest slope."""
    farthest = max(float(drawn.rois.abs().max()), max(drawn.input.shape[-2:]))
    return 8 * torch.finfo(torch.float32).eps * farthest * 2 * float(drawn.input.abs().max())


@settings(max_examples=25)
@given(regions(), GRIDS, st.booleans(), LEVELS)
def test_roi_align_of_regions_anywhere(
    drawn: Regions, size: tuple[int, int, int], aligned: bool, level: int
) -> None:
    input, rois, scale = drawn.input, drawn.rois, drawn.scale

    def function(input: Tensor, rois: Tensor) -> Tensor:
        return torch.ops.torchvision.roi_align(input, rois, scale, *size, aligned)

    bound = slack(drawn)
    plain = plain_align(input, rois, scale, *size, aligned)
    assert torch.allclose(function(input, rois).double(), plain, atol=bound + 1e-5)
    outcome = check_lowering(Case(function, (input, rois), level, terms=8, bound=bound))
    assert outcome.supported == (size[2] > 0), outcome.reasons


@settings(max_examples=25)
@given(regions(), GRIDS, st.booleans(), st.booleans(), LEVELS)
def test_roi_align_of_known_regions(
    drawn: Regions, size: tuple[int, int, int], aligned: bool, within: bool, level: int
) -> None:
    """Wherever they lie, with or without a sampling ratio."""
    input, rois, scale = drawn.input, drawn.rois, drawn.scale
    if within:
        rois[:, 1:] = drawn.clipped()

    def function(input: Tensor) -> Tensor:
        return torch.ops.torchvision.roi_align(input, rois, scale, *size, aligned)

    bound = slack(drawn)
    outcome = check_lowering(Case(function, (input,), level, terms=16, bound=bound))
    supported(outcome)
    assert outcome.converted is not None
    if within and not aligned:
        assert outcome.converted.report.operations["ROI_ALIGN"] == 1


def test_known_regions_with_too_many_sampling_grids_are_refused() -> None:
    sizes = torch.arange(1.0, 41.0)[:, None]
    rois = torch.cat([torch.zeros(40, 1), -torch.ones(40, 2), sizes, sizes], dim=1)
    outcome = check_lowering(
        Case(
            lambda i: torch.ops.torchvision.roi_align(i, rois, 1.0, 1, 1, 0, False),
            (feature_map(1, 1, 9, 9, 0),),
            29,
        )
    )
    assert not outcome.supported and "numbers of samples" in outcome.reasons[0]


@settings(max_examples=25)
@given(
    regions(images=1),
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(0, 3)),
    LEVELS,
)
def test_roi_align_of_clipped_regions(
    drawn: Regions, size: tuple[int, int, int], level: int
) -> None:
    input, boxes, scale = drawn.input, drawn.boxes, drawn.scale

    def function(input: Tensor, boxes: Tensor) -> Tensor:
        return torch.ops.nnapi.roi_align(input, boxes, scale, *size)

    rois = torch.cat([torch.zeros(len(boxes), 1), drawn.clipped()], dim=1)
    bound = slack(drawn)
    plain = plain_align(input, rois, scale, *size, False)
    assert torch.allclose(function(input, boxes).double(), plain, atol=bound + 1e-5)
    supported(check_lowering(Case(function, (input, boxes), level, terms=16, bound=bound)))


def test_a_thin_region_at_the_border_counts_only_what_is_on_the_map() -> None:
    input = feature_map(1, 2, 4, 4, 0)
    boxes = torch.tensor([[3.6, 1.0, 4.0, 3.0], [0.0, 3.9, 3.0, 4.0], [4.0, 4.0, 4.0, 4.0]])
    for ratio in (0, 2):
        case = Case(
            lambda i, b, ratio=ratio: torch.ops.nnapi.roi_align(i, b, 1.0, 3, 3, ratio),
            (input, boxes),
            29,
            terms=16,
        )
        supported(check_lowering(case))
    rois = torch.cat([torch.zeros(3, 1), boxes], dim=1)
    theirs = torch.ops.torchvision.roi_align(input, rois, 1.0, 3, 3, 2, False)
    ours = torch.ops.nnapi.roi_align(input, boxes, 1.0, 3, 3, 2)
    assert torch.allclose(ours, theirs, atol=1e-5)
    assert not theirs[2, :, 1:, 1:].any()


@pytest.mark.parametrize("level", [27, 28])
def test_levels_without_detection_refuse(level: int) -> None:
    args = (feature_map(1, 1, 4, 4, 0), torch.tensor([[0.0, 0.0, 2.0, 2.0]]))
    outcome = check_lowering(
        Case(lambda i, b: torch.ops.nnapi.roi_align(i, b, 1.0, 2, 2, 2), args, level)
    )
    assert not outcome.supported


# ---- in integers


@settings(max_examples=15, deadline=None)
@given(
    st.data(),
    dtypes,
    regions_in_eighths(),
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(0, 3)),
    st.integers(0, 2**16),
    st.sampled_from([29, 30]),
)
def test_roi_align_of_known_regions_in_integers(
    data: st.DataObject,
    dtype: torch.dtype,
    drawn: Regions,
    size: tuple[int, int, int],
    seed: int,
    level: int,
) -> None:
    def function(x: Tensor) -> Tensor:
        return torch.ops.torchvision.roi_align(x, drawn.rois, drawn.scale, *size, False)

    grid = data.draw(grids(dtype))
    assert not sandwich(function, [grid], [tuple(drawn.input.shape)], seed, level)


def test_what_integers_do_not_hold_is_an_island() -> None:
    """Regions that the model computes; ones too fine for 16 bits; thin ones at the border."""
    shape, grid = (1, 2, 6, 6), Grid(0.1, 128, torch.uint8)
    align = torch.ops.nnapi.roi_align

    def of_computed(x: Tensor) -> Tensor:
        return align(x, x[0, 0, :3, :4] * 2.0, 1.0, 2, 2, 2)

    reasons = sandwich(of_computed, [grid], [shape], 0, 29, grid)
    assert any("eighths of a pixel" in reason for reason in reasons), reasons
    for box, reason in (
        ([0.1, 0.0, 3.0, 3.0], "16 bits"),
        ([5.75, 1.0, 6.0, 4.0], "thinner than a cell"),
    ):
        boxes = torch.tensor([box])
        (island,) = sandwich(
            lambda x, boxes=boxes: align(x, boxes, 1.0, 2, 2, 2), [grid], [shape], 0, 29, grid
        )
        assert reason in island
    rois = torch.tensor([[0.0, -2.0, -2.0, 3.0, 3.0]])
    (island,) = sandwich(
        lambda x: torch.ops.torchvision.roi_align(x, rois, 1.0, 2, 2, 2, False),
        [grid],
        [shape],
        0,
        29,
        grid,
    )
    assert "leave the map" in island
