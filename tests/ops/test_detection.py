"""Proposals, detections and keypoints, held against torchvision's published semantics."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import nnapi_core.detection.operators  # noqa: F401
from nnapi_core.detection.boxes import above, below
from nnapi_core.testing import Case, Outcome, check_lowering, feature_levels

nnapi = torch.ops.nnapi
LEVELS = feature_levels(29)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def some_boxes(count: int, seed: int, size: float, *, kind: str = "any") -> Tensor:
    """Boxes around an image: crossing its border, without area, equal to another, far outside."""
    rand = generator(seed)
    centre = torch.rand(count, 2, generator=rand) * size * 1.4 - 0.2 * size
    half = torch.rand(count, 2, generator=rand) ** 2 * size * 0.4
    if kind == "whole":  # overlaps of round numbers: equal to a threshold now and then
        centre, half = centre.round(), half.round()
    boxes = torch.cat([centre - half, centre + half], dim=1)
    if kind == "any" and count > 3:
        boxes[0, 2:] = boxes[0, :2]
        boxes[1] = boxes[2]
        boxes[3] += 3 * size
    return boxes


def some_scores(shape: tuple[int, ...], seed: int, kind: str) -> Tensor:
    scores = torch.rand(shape, generator=generator(seed + 1))
    if kind == "ties":
        scores = (scores * 4).round() / 4
    if kind == "none":
        scores = scores * 0.01
    return scores


def supported(outcome: Outcome) -> None:
    assert outcome.supported, outcome.reasons


# ---- what torchvision publishes, written down by itself


def plain_iou(a: Tensor, b: Tensor) -> float:
    """In float32 throughout, as the boxes are."""
    zero = torch.tensor(0.0)
    width = torch.maximum(torch.minimum(a[2], b[2]) - torch.maximum(a[0], b[0]), zero)
    height = torch.maximum(torch.minimum(a[3], b[3]) - torch.maximum(a[1], b[1]), zero)
    both = width * height
    first, second = ((one[2] - one[0]) * (one[3] - one[1]) for one in (a, b))
    overlap = float(both / (first + second - both))
    return 0.0 if math.isnan(overlap) else overlap


def plain_nms(boxes: Tensor, scores: Tensor, threshold: float) -> list[int]:
    kept: list[int] = []
    for i in sorted(range(len(scores)), key=lambda i: (-float(scores[i]), i)):
        if all(plain_iou(boxes[i], boxes[k]) <= threshold for k in kept):
            kept.append(i)
    return kept


def plain_detections(
    boxes: Tensor, scores: Tensor, least: float, threshold: float, most: int, min_size: float
) -> list[tuple[float, int, tuple[float, ...]]]:
    """``RoIHeads.postprocess_detections`` after the box coder; as a sorted list."""
    found = []
    for label in range(1, scores.shape[1]):
        (at,) = torch.where(scores[:, label] > least)
        sizes = boxes[at, label, 2:] - boxes[at, label, :2]
        at = at[(sizes >= min_size).all(dim=1)]
        for i in plain_nms(boxes[at, label], scores[at, label], threshold):
            found.append((-float(scores[at[i], label]), label, tuple(boxes[at[i], label].tolist())))
    return sorted(found)[:most]


# ---- thresholds


@given(st.floats(0.0, 1.0))
def test_the_next_numbers_compare_as_torch_does(threshold: float) -> None:
    least, most = above(threshold), below(threshold)
    for number in (threshold, least, most, math.nextafter(threshold, 1.0)):
        there = torch.tensor(number)
        assert bool(there >= least) == (float(there) > threshold)
        assert bool(there > most) == bool(there >= torch.tensor(threshold))


# ---- box_transform


@settings(max_examples=20)
@given(st.integers(1, 12), st.integers(1, 3), st.integers(0, 2**16), LEVELS)
def test_box_transform(count: int, classes: int, seed: int, level: int) -> None:
    boxes = some_boxes(count, seed, 50.0)
    deltas = torch.randn(count, 4 * classes, generator=generator(seed)) * 20
    weights = [10.0, 10.0, 5.0, 5.0] if seed % 2 else [1.0, 1.0, 1.0, 1.0]

    def function(boxes: Tensor, deltas: Tensor) -> Tensor:
        return nnapi.box_transform(boxes, deltas, [40, 60], weights)

    moved = function(boxes, deltas)
    assert moved.min() >= 0 and moved[:, 0::2].max() <= 60 and moved[:, 1::2].max() <= 40
    # A size is e to the power of up to 4 times the box's.
    supported(check_lowering(Case(function, (boxes, deltas), level, magnitude=2e4)))


def test_box_transform_of_boxes_the_wrong_way_round() -> None:
    boxes = torch.tensor([[10.0, 20.0, 5.0, 30.0], [1.0, 9.0, 4.0, 2.0], [1.0, 1.0, 4.0, 3.0]])
    deltas = torch.ones(3, 4)
    case = Case(lambda b, d: nnapi.box_transform(b, d, [40, 60], [1.0] * 4), (boxes, deltas), 29)
    supported(check_lowering(case))


# ---- box_with_nms_limit


@settings(max_examples=25)
@given(
    st.integers(1, 24),
    st.integers(2, 4),
    st.sampled_from(["random", "ties", "none"]),
    st.sampled_from(["any", "whole"]),
    st.integers(1, 30),
    st.sampled_from([0.0, 0.01, 4.0]),
    st.integers(0, 2**16),
    LEVELS,
)
def test_box_with_nms_limit(
    count: int,
    classes: int,
    scoring: str,
    kind: str,
    most: int,
    min_size: float,
    seed: int,
    level: int,
) -> None:
    boxes = torch.stack([some_boxes(count, seed + k, 30.0, kind=kind) for k in range(classes)], 1)
    scores = some_scores((count, classes), seed, scoring)

    def function(boxes: Tensor, scores: Tensor) -> tuple[Tensor, ...]:
        return nnapi.box_with_nms_limit(boxes, scores, 0.05, 0.5, most, min_size)

    found_boxes, found_scores, labels = function(boxes, scores)
    wanted = plain_detections(boxes, scores, 0.05, 0.5, most, min_size)
    count = int((labels > 0).sum())
    assert not found_scores[count:].any() and not found_boxes[count:].any()
    assert count == len(wanted)
    ours = [
        (-float(s), int(k), tuple(b.tolist()))
        for b, s, k in zip(found_boxes, found_scores, labels, strict=True)
    ][:count]
    if scoring != "ties":
        assert ours == wanted
    outcome = check_lowering(Case(function, (boxes, scores), level))
    assert outcome.supported == (min_size > 0), outcome.reasons


def test_boxes_the_wrong_way_round_are_no_detections() -> None:
    boxes = torch.tensor([[5.0, 5.0, 1.0, 9.0], [1.0, 1.0, 3.0, 3.0], [math.nan, 0.0, 1.0, 1.0]])
    boxes = boxes[:, None].expand(-1, 2, -1).contiguous()
    scores = torch.tensor([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]])
    case = Case(lambda b, s: nnapi.box_with_nms_limit(b, s, 0.5, 0.5, 4), (boxes, scores), 29)
    supported(check_lowering(case))
    assert case.function(boxes, scores)[1].tolist() == pytest.approx([0.8, 0, 0, 0])


def test_all_but_one_suppressed() -> None:
    boxes = torch.tensor([0.0, 0.0, 10.0, 10.0]).expand(6, 2, 4).contiguous()
    scores = torch.linspace(0.1, 0.9, 6)[:, None].expand(6, 2).contiguous()
    case = Case(lambda b, s: nnapi.box_with_nms_limit(b, s, 0.05, 0.5, 5), (boxes, scores), 29)
    supported(check_lowering(case))
    assert case.function(boxes, scores)[2].tolist() == [1, 0, 0, 0, 0]


@pytest.mark.parametrize("thresholds", [(-0.1, 0.5), (0.1, -0.5), (0.1, math.inf)])
def test_thresholds_without_meaning_are_refused(thresholds: tuple[float, float]) -> None:
    boxes, scores = some_boxes(4, 0, 9.0)[:, None].expand(4, 2, 4), torch.rand(4, 2)
    outcome = check_lowering(
        Case(lambda b, s: nnapi.box_with_nms_limit(b, s, *thresholds, 3), (boxes, scores), 29)
    )
    assert not outcome.supported and "threshold" in outcome.reasons[0]


# ---- generate_proposals


def plain_proposals(
    scores: Tensor, deltas: Tensor, anchors: Tensor, size: list[int], stride: list[float],
    before: int, after: int, threshold: float, min_size: float,
) -> list[tuple[float, list[float]]]:  # fmt: skip
    """torchvision's anchors, box coder and ``filter_proposals``, place by place."""
    _, kinds, height, width = scores.shape
    places = [(h, w, a) for h in range(height) for w in range(width) for a in range(kinds)]
    best = sorted(
        range(len(places)),
        key=lambda i: (-float(scores[0, places[i][2], places[i][0], places[i][1]]), i),
    )[:before]
    boxes, ranks = [], []
    for i in sorted(best):
        h, w, a = places[i]
        x1, y1, x2, y2 = (
            float(anchors[a, k]) + (w * stride[1] if k % 2 == 0 else h * stride[0])
            for k in range(4)
        )
        dx, dy, dw, dh = (float(d) for d in deltas[0, 4 * a : 4 * a + 4, h, w])
        x, y = (x1 + x2) / 2 + dx * (x2 - x1), (y1 + y2) / 2 + dy * (y2 - y1)
        most = math.log(1000 / 16)
        half_w = math.exp(min(dw, most)) * (x2 - x1) / 2
        half_h = math.exp(min(dh, most)) * (y2 - y1) / 2
        box = [
            min(max(x - half_w, 0), size[1]), min(max(y - half_h, 0), size[0]),
            min(max(x + half_w, 0), size[1]), min(max(y + half_h, 0), size[0]),
        ]  # fmt: skip
        if box[2] - box[0] >= min_size and box[3] - box[1] >= min_size:
            boxes.append(box)
            ranks.append(float(scores[0, a, h, w]))
    kept = plain_nms(torch.tensor(boxes).reshape(-1, 4), torch.tensor(ranks), threshold)[:after]
    return [(ranks[k], boxes[k]) for k in kept]


@settings(max_examples=25)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 5)),
    st.sampled_from(["random", "ties"]),
    st.integers(1, 70),
    st.integers(1, 40),
    st.integers(0, 2**16),
    LEVELS,
)
def test_generate_proposals(
    shape: tuple[int, int, int], scoring: str, before: int, after: int, seed: int, level: int
) -> None:
    kinds, height, width = shape
    scores = some_scores((1, *shape), seed, scoring) * 8 - 4
    deltas = torch.randn(1, 4 * kinds, height, width, generator=generator(seed))
    if seed % 5 == 0:
        deltas -= 100.0  # everything ends up without size, or outside of the image
    half = torch.rand(kinds, 2, generator=generator(seed + 2)).mul(20).round()
    anchors = torch.cat([-half, half], dim=1)
    size, stride = [8 * height + 3, 16 * width - 1], [8.0, 16.0]

    def function(scores: Tensor, deltas: Tensor) -> tuple[Tensor, ...]:
        return nnapi.generate_proposals(
            scores, deltas, anchors, size, stride, before, after, 0.5, 1e-3
        )

    boxes, ranks = function(scores, deltas)
    wanted = plain_proposals(scores, deltas, anchors, size, stride, before, after, 0.5, 1e-3)
    count = int(ranks.isfinite().sum())
    assert ranks[:count].tolist() == pytest.approx([rank for rank, _ in wanted])
    ours = torch.tensor([box for _, box in wanted], dtype=torch.float32).reshape(-1, 4)
    assert torch.allclose(boxes[:count], ours, atol=1e-3) and not boxes[count:].any()
    supported(check_lowering(Case(function, (scores, deltas), level, magnitude=2e3)))


def test_sizes_that_nnapi_would_drop_at_the_border_are_refused() -> None:
    scores, deltas = torch.rand(1, 1, 2, 2), torch.rand(1, 4, 2, 2)
    anchors = torch.tensor([[-4.0, -4.0, 4.0, 4.0]])
    outcome = check_lowering(
        Case(
            lambda s, d: nnapi.generate_proposals(
                s, d, anchors, [9, 9], [4.0, 4.0], 9, 9, 0.5, 0.0
            ),
            (scores, deltas),
            29,
        )
    )
    assert not outcome.supported and "border" in outcome.reasons[0]


# ---- detection_postprocessing


@settings(max_examples=20)
@given(
    st.integers(1, 20),
    st.integers(2, 4),
    st.sampled_from(["random", "ties", "none"]),
    st.integers(1, 12),
    st.integers(0, 2**16),
    LEVELS,
)
def test_detection_postprocessing(
    count: int, classes: int, scoring: str, most: int, seed: int, level: int
) -> None:
    half = torch.rand(count, 2, generator=generator(seed)) * 9
    centre = torch.rand(count, 2, generator=generator(seed + 5)) * 30
    anchors = torch.cat([centre - half, centre + half], dim=1)
    scores = some_scores((count, classes), seed, scoring)
    deltas = torch.randn(count, 4, generator=generator(seed + 7)) * 3

    def function(scores: Tensor, deltas: Tensor) -> tuple[Tensor, ...]:
        return nnapi.detection_postprocessing(
            scores, deltas, anchors, [10.0, 10.0, 5.0, 5.0], 0.05, 0.5, most
        )

    _, found_scores, labels = function(scores, deltas)
    decoded = nnapi.box_transform(anchors + 1000, deltas, [3000, 3000], [10.0, 10.0, 5.0, 5.0])
    each = (decoded - 1000)[:, None].expand(-1, classes, -1)
    wanted = plain_detections(each, scores, 0.05, 0.5, most, -1.0)
    assert int((labels > 0).sum()) == len(wanted)
    assert found_scores[: len(wanted)].tolist() == pytest.approx([-one[0] for one in wanted])
    supported(check_lowering(Case(function, (scores, deltas), level, magnitude=1e3)))


# ---- heatmap_max_keypoint


@settings(max_examples=20)
@given(st.integers(1, 4), st.integers(1, 3), st.integers(2, 9), st.integers(0, 2**16), LEVELS)
def test_heatmap_max_keypoint(count: int, kinds: int, size: int, seed: int, level: int) -> None:
    heatmaps = torch.randn(count, kinds, size, size, generator=generator(seed))
    boxes = some_boxes(count, seed, 40.0)
    case = Case(nnapi.heatmap_max_keypoint, (heatmaps, boxes), level, magnitude=1e3)
    supported(check_lowering(case))


def test_keypoints_are_those_of_the_bicubic_enlargement_to_a_fraction_of_a_cell() -> None:
    """torchvision's ``heatmaps_to_keypoints`` of smooth maps."""
    rows = torch.arange(14.0)
    place = torch.tensor([[3.3, 8.9], [6.0, 6.5], [10.2, 4.4]])
    distance = (rows[:, None] - place[:, 1, None, None]) ** 2 + (
        rows - place[:, 0, None, None]
    ) ** 2
    heatmaps = (-distance / 8)[:, None]
    boxes = torch.tensor([[0.0, 0.0, 56.0, 56.0]]).expand(3, 4)
    keypoints, _ = nnapi.heatmap_max_keypoint(heatmaps, boxes)
    enlarged = torch.nn.functional.interpolate(heatmaps, size=(56, 56), mode="bicubic")
    at = enlarged.flatten(1).argmax(dim=1)
    theirs = torch.stack([at % 56, at // 56], dim=1) + 0.5
    assert (keypoints[:, 0] - theirs).abs().max() < 56 / 14 / 2
