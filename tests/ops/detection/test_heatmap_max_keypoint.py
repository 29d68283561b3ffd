"""Keypoints, held against torchvision's published semantics."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import nnapi_core.detection.operators  # noqa: F401
from nnapi_core.testing import Case, check_lowering
from tests.ops.detection.torchvision_semantics import LEVELS, generator, some_boxes, supported

nnapi = torch.ops.nnapi


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
