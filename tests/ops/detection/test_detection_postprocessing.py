"""Detections of a single-shot head, held against torchvision's published semantics."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import nnapi_core.detection.operators  # noqa: F401
from nnapi_core.testing import Case, check_lowering
from tests.ops.detection.torchvision_semantics import (
    LEVELS,
    generator,
    plain_detections,
    some_scores,
    supported,
)

nnapi = torch.ops.nnapi


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
