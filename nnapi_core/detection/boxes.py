"""Boxes [x1, y1, x2, y2] in torch, computed as torchvision computes them, in the same order of roundings."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

# What torchvision's box coder takes as the largest logarithm of a change in size.
LOG_SIZE_LIMIT = math.log(1000.0 / 16)
# Scores below the smallest normal number count as none.
SMALLEST = float(np.finfo(np.float32).tiny)


def above(threshold: float) -> float:
    """The least float32 that is greater: what is ``>= above(t)`` is what is ``> t``, as NNAPI compares overlaps."""
    number = np.float32(threshold)
    if float(number) <= threshold:
        number = np.nextafter(number, np.float32(np.inf))
    return float(number)


def below(size: float) -> float:
    """The greatest float32 that is less: ``> below(s)`` is ``>= s``. -1 for what no size is less than."""
    number = np.float32(size)
    return float(np.nextafter(number, np.float32(-np.inf))) if number > 0 else -1.0


def overlaps(box: Tensor, boxes: Tensor) -> Tensor:
    """Intersection over union of each of ``box`` [N, 4] with each of ``boxes`` [M, 4]; NaN without any area."""
    one = box[:, None]
    high = torch.minimum(one[..., 2:], boxes[:, 2:])
    low = torch.maximum(one[..., :2], boxes[:, :2])
    width, height = (high - low).clamp(min=0).unbind(-1)
    both = width * height
    return both / (area(box)[:, None] + area(boxes) - both)


def area(boxes: Tensor) -> Tensor:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def suppressed(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """torchvision's ``nms``: the boxes that overlap none of those kept before by more than ``threshold``.

    Their positions by falling score; equal scores by position.
    """
    order = torch.argsort(scores, descending=True, stable=True)
    x1, y1, x2, y2 = boxes[order].numpy().T
    areas = (x2 - x1) * (y2 - y1)
    left = np.arange(len(order))
    kept: list[int] = []
    while len(left):
        one, left = left[0], left[1:]
        kept.append(int(one))
        width = np.minimum(x2[one], x2[left]) - np.maximum(x1[one], x1[left])
        height = np.minimum(y2[one], y2[left]) - np.maximum(y1[one], y1[left])
        both = np.maximum(width, np.float32(0)) * np.maximum(height, np.float32(0))
        with np.errstate(invalid="ignore", divide="ignore"):
            overlap = both / (areas[one] + areas[left] - both)
        left = left[~(overlap.astype(np.float64) > threshold)]
    return order[torch.tensor(kept, dtype=torch.int64)]


def decoded(boxes: Tensor, deltas: Tensor, weights: Sequence[float], limit: float) -> Tensor:
    """Boxes [N, 4] moved by deltas [N, 4 * C], as torchvision's box coder does: [N, 4 * C].

    Corners the wrong way round count as empty boxes.
    """
    size = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0)
    centre = boxes[:, :2] + 0.5 * size
    each = deltas.reshape(len(boxes), deltas.shape[1] // 4, 4) / deltas.new_tensor(weights)
    moved = each[..., :2] * size[:, None] + centre[:, None]
    half = 0.5 * (each[..., 2:].clamp(max=limit).exp() * size[:, None])
    return torch.cat([moved - half, moved + half], dim=-1).flatten(1)


def clipped(boxes: Tensor, height: float, width: float) -> Tensor:
    """Boxes [..., 4 * C] clipped to an image."""
    most = boxes.new_tensor([width, height] * (boxes.shape[-1] // 2))
    return boxes.clamp(min=0).minimum(most)
