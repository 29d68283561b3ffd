"""Boxes and scores to draw, and what torchvision publishes of detections, written down by itself."""

from __future__ import annotations

import math

import torch
from torch import Tensor

import nnapi_core.detection.operators  # noqa: F401
from nnapi_core.testing import Outcome, feature_levels

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
