"""Regions of feature maps, held against torchvision's published semantics."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import nnapi_core.detection.operators  # noqa: F401
from nnapi_core.testing import Case, check_lowering, feature_levels
from tests.ops.test_detection import some_boxes, supported

LEVELS = feature_levels(29)
SCALES = st.sampled_from([1.0, 0.5, 0.25, 1 / 3])


def feature_map(images: int, channels: int, height: int, width: int, seed: int) -> Tensor:
    return torch.randn(
        images, channels, height, width, generator=torch.Generator().manual_seed(seed)
    )


def some_rois(count: int, images: int, size: float, seed: int) -> Tensor:
    """Regions within, across and outside of the map, thinner than a cell, without area, inside out."""
    boxes = some_boxes(count, seed, size)
    if count > 4:
        boxes[4, 2:] = boxes[4, :2] + size / 50
        boxes[4] += size - boxes[4, 2]  # thin, and at the border
    if count > 5:
        boxes[5] = boxes[5, [2, 3, 0, 1]]
    image = torch.randint(images, (count, 1), generator=torch.Generator().manual_seed(seed))
    return torch.cat([image.float(), boxes], dim=1)


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


def slack(rois: Tensor, input: Tensor) -> float:
    """What rounding a place does to the value there: its error in cells times the steepest slope."""
    farthest = max(float(rois.abs().max()), max(input.shape[-2:]))
    return 8 * torch.finfo(torch.float32).eps * farthest * 2 * float(input.abs().max())


@settings(max_examples=25)
@given(
    st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
    st.integers(1, 7),
    SCALES,
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(-1, 3)),
    st.booleans(),
    st.integers(0, 2**16),
    LEVELS,
)
def test_roi_align_of_regions_anywhere(
    shape: tuple[int, int, int, int],
    count: int,
    scale: float,
    size: tuple[int, int, int],
    aligned: bool,
    seed: int,
    level: int,
) -> None:
    input = feature_map(*shape, seed)
    rois = some_rois(count, shape[0], max(shape[2:]) / scale, seed)

    def function(input: Tensor, rois: Tensor) -> Tensor:
        return torch.ops.torchvision.roi_align(input, rois, scale, *size, aligned)

    bound = slack(rois, input)
    plain = plain_align(input, rois, scale, *size, aligned)
    assert torch.allclose(function(input, rois).double(), plain, atol=bound + 1e-5)
    outcome = check_lowering(Case(function, (input, rois), level, terms=8, bound=bound))
    assert outcome.supported == (size[2] > 0), outcome.reasons


@settings(max_examples=25)
@given(
    st.tuples(st.just(1), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
    st.integers(1, 7),
    SCALES,
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(0, 3)),
    st.integers(0, 2**16),
    LEVELS,
)
def test_roi_align_of_clipped_regions(
    shape: tuple[int, int, int, int],
    count: int,
    scale: float,
    size: tuple[int, int, int],
    seed: int,
    level: int,
) -> None:
    input = feature_map(*shape, seed)
    boxes = some_rois(count, 1, max(shape[2:]) / scale, seed)[:, 1:]

    def function(input: Tensor, boxes: Tensor) -> Tensor:
        return torch.ops.nnapi.roi_align(input, boxes, scale, *size)

    most = torch.tensor([shape[3] / scale, shape[2] / scale]).repeat(2)
    within = boxes.clamp(min=0).minimum(most)
    within[:, 2:] = torch.maximum(within[:, :2], within[:, 2:])
    rois = torch.cat([torch.zeros(count, 1), within], dim=1)
    bound = slack(rois, input)
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
    assert torch.equal(torch.ops.nnapi.roi_align(input, boxes, 1.0, 3, 3, 2), theirs)
    assert not theirs[2, :, 1:, 1:].any()


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
    st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
    st.integers(1, 7),
    st.sampled_from([1.0, 0.5, 0.25]),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.integers(0, 2**16),
    LEVELS,
)
def test_roi_pool_of_clipped_regions(
    shape: tuple[int, int, int],
    count: int,
    scale: float,
    size: tuple[int, int],
    seed: int,
    level: int,
) -> None:
    input = feature_map(1, *shape, seed)
    rois = some_rois(count, 1, max(shape[1:]) / scale, seed)
    theirs = torch.ops.torchvision.roi_pool(input, rois, scale, *size)
    assert torch.equal(theirs[0], plain_pool(input, rois, scale, *size))
    at = theirs[1].flatten(2).long()
    taken = input[0].flatten(1).expand(count, -1, -1).gather(2, at.clamp(min=0))
    assert torch.equal(torch.where(at < 0, 0.0, taken), theirs[0].flatten(2))

    def function(input: Tensor, boxes: Tensor) -> Tensor:
        return torch.ops.nnapi.roi_pool(input, boxes, scale, *size)

    supported(check_lowering(Case(function, (input, rois[:, 1:]), level)))


def test_roi_pool_takes_regions_that_are_known_to_be_on_the_map() -> None:
    input = feature_map(2, 3, 6, 5, 1)
    rois = torch.tensor([[0.0, 0.0, 0.0, 4.0, 4.0], [1.0, 2.0, 1.0, 5.0, 6.0]])

    def pooled(rois: Tensor) -> Case:
        return Case(lambda i: torch.ops.torchvision.roi_pool(i, rois, 1.0, 2, 2)[0], (input,), 29)

    supported(check_lowering(pooled(rois)))
    outcome = check_lowering(pooled(rois + torch.tensor([0.0, 2.0, 2.0, 2.0, 2.0])))
    assert not outcome.supported and "leave the map" in outcome.reasons[0]


def test_roi_pool_refuses_what_it_cannot_know() -> None:
    args = (feature_map(1, 1, 4, 4, 0), torch.tensor([[0.0, 0.0, 0.0, 2.0, 2.0]]))
    pool = torch.ops.torchvision.roi_pool
    for function in (lambda i, r: pool(i, r, 1.0, 2, 2)[0], lambda i, r: pool(i, r, 1.0, 2, 2)):
        assert not check_lowering(Case(function, args, 29)).supported


@pytest.mark.parametrize("level", [27, 28])
def test_levels_without_detection_refuse(level: int) -> None:
    args = (feature_map(1, 1, 4, 4, 0), torch.tensor([[0.0, 0.0, 2.0, 2.0]]))
    outcome = check_lowering(
        Case(lambda i, b: torch.ops.nnapi.roi_align(i, b, 1.0, 2, 2, 2), args, level)
    )
    assert not outcome.supported
