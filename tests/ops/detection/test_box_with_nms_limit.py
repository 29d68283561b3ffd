"""Detections by class, held against torchvision's published semantics."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import nnapi_core.detection.operators  # noqa: F401
from nnapi_core.testing import Case, check_lowering
from tests.ops.detection.torchvision_semantics import (
    LEVELS,
    plain_detections,
    some_boxes,
    some_scores,
    supported,
)

nnapi = torch.ops.nnapi


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
