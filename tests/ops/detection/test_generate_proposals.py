"""Proposals of regions, held against torchvision's published semantics."""

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
    generator,
    plain_nms,
    some_scores,
    supported,
)

nnapi = torch.ops.nnapi


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
