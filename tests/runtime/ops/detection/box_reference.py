"""Boxes and their suppression, one by one and in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes of two corners each; 0 where both are empty."""
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    both = float(np.prod(np.maximum(sides, 0)))
    union = float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2])) - both
    return both / union if union else 0.0


def move(box: np.ndarray, deltas: np.ndarray, image: np.ndarray) -> np.ndarray:
    """A box ``[x1, y1, x2, y2]`` moved by ``[dx, dy, dw, dh]`` and clipped to an image ``[h, w]``."""
    size, centre = box[2:] - box[:2], (box[2:] + box[:2]) / 2
    centre, size = centre + deltas[:2] * size, size * np.exp(deltas[2:])
    corners = np.concatenate([centre - size / 2, centre + size / 2])
    return np.minimum(np.maximum(corners, 0), np.tile(image[::-1], 2))


def hard_nms(
    scores: np.ndarray, boxes: np.ndarray, threshold: float, most: int, candidates: Iterable[int]
) -> list[int]:
    """Indices kept, by falling score."""
    kept: list[int] = []
    for i in sorted(candidates, key=lambda i: -scores[i]):
        if len(kept) < most and all(overlap(boxes[i], boxes[k]) < threshold for k in kept):
            kept.append(i)
    return kept


def soft_nms(
    scores: np.ndarray,
    boxes: np.ndarray,
    weight: Callable[[float], float],
    least: float,
    most: int,
    candidates: Iterable[int],
) -> list[tuple[int, float]]:
    """Indices kept with their lowered scores."""
    pending = {i: float(scores[i]) for i in candidates}
    kept: list[tuple[int, float]] = []
    while pending and len(kept) < most:
        best = max(pending, key=pending.__getitem__)
        kept.append((best, pending.pop(best)))
        lowered = {i: s * weight(overlap(boxes[i], boxes[best])) for i, s in pending.items()}
        pending = {i: s for i, s in lowered.items() if s >= least}
    return kept
