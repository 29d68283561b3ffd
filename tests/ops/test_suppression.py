"""Suppression by itself: positions of the boxes that stay."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import nnapi_core
import nnapi_core.detection.operators
from nnapi_core.testing import Case, check_lowering, feature_levels
from tests.ops.test_detection import plain_nms, some_boxes, some_scores, supported

LEVELS = feature_levels(29)


@settings(max_examples=25)
@given(
    st.integers(1, 24),
    st.sampled_from(["any", "whole"]),
    st.sampled_from(["random", "ties"]),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.integers(1, 30),
    st.integers(0, 2**16),
    LEVELS,
)
def test_nms_of_fixed_size(
    count: int, kind: str, scoring: str, threshold: float, most: int, seed: int, level: int
) -> None:
    boxes = some_boxes(count, seed, 30.0, kind=kind)
    if count > 5:
        boxes[5] = boxes[5, [2, 3, 0, 1]]  # inside out
    scores = some_scores((count,), seed, scoring)

    def function(boxes: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        return torch.ops.nnapi.nms(boxes, scores, threshold, most)

    positions, found = function(boxes, scores)
    kept = plain_nms(boxes, scores, threshold)
    assert torch.ops.torchvision.nms(boxes, scores, threshold).tolist() == kept
    assert positions[:found].tolist() == kept[:most] and not positions[found:].any()
    supported(check_lowering(Case(function, (boxes, scores), level)))


class Kept(torch.nn.Module):
    def forward(self, boxes: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        kept = torch.ops.torchvision.nms(boxes, scores, 0.5)
        return boxes[kept] * 2, scores[kept]


def test_nms_of_a_size_that_depends_on_data_stays_in_torch() -> None:
    args = (some_boxes(12, 0, 20.0), some_scores((12,), 0, "random"))
    converted = nnapi_core.convert(Kept(), args)
    (row,) = [row for row in converted.report.nodes if "nms" in str(row.target)]
    assert row.device == "cpu" and "nnapi::nms" in row.reason
    for seed in (0, 1):
        args = (some_boxes(12, seed, 20.0), some_scores((12,), seed, "random"))
        assert all(map(torch.equal, converted(*args), Kept()(*args)))


class Detections(torch.nn.Module):
    def forward(self, boxes: Tensor, scores: Tensor) -> tuple[Tensor, ...]:
        return torch.ops.nnapi.box_with_nms_limit(boxes, scores, 0.05, 0.5, 7)


def test_a_free_number_of_boxes() -> None:
    def args(count: int) -> tuple[Tensor, Tensor]:
        boxes = some_boxes(count, count, 30.0)[:, None].expand(-1, 3, -1).contiguous()
        return boxes, some_scores((count, 3), count, "random")

    free = {0: torch.export.Dim("boxes", min=2, max=40)}
    converted = nnapi_core.convert(Detections(), args(9), dynamic_shapes=(free, free))
    for count in (2, 9, 31):
        assert all(map(torch.equal, converted(*args(count)), Detections()(*args(count))))
