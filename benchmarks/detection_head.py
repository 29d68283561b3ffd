"""A detector's last steps as they are written for a desktop: boxes decoded, chosen by score, and suppressed in a loop.

Much of it depends on data (how many boxes are left), which NNAPI and `torch.export` know in part only.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class DetectionHead(nn.Module):
    """Two feature maps to boxes, scores and labels of one image: anchors, top k, suppression by overlap."""

    def __init__(self, channels: int = 32, classes: int = 5, kept: int = 20) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 3, 2, 1)
        self.deeper = nn.Conv2d(channels, channels, 3, 2, 1)
        self.scores = nn.Conv2d(channels, 3 * classes, 3, padding=1)
        self.boxes = nn.Conv2d(channels, 3 * 4, 3, padding=1)
        self.classes = classes
        self.kept = kept

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        first = functional.relu(self.stem(image))
        second = functional.relu(self.deeper(first))
        maps = [first, second]
        scores = torch.cat([self.rows(self.scores(one), self.classes) for one in maps])
        deltas = torch.cat([self.rows(self.boxes(one), 4) for one in maps])
        boxes = self.decoded(deltas)
        best, label = scores.sigmoid().max(-1)
        best, order = best.topk(self.kept)
        boxes, label = boxes[order], label[order]
        keep = self.suppressed(boxes, label)
        left = torch.nonzero(keep).squeeze(1)
        present = torch.unique(label[left])
        sorted_areas = torch.special.i0(self.areas(boxes) / 1e4).msort()
        return boxes[left], best[left], label[left], present, sorted_areas

    def rows(self, x: torch.Tensor, last: int) -> torch.Tensor:
        return x.permute(0, 2, 3, 1).reshape(-1, last)

    def decoded(self, deltas: torch.Tensor) -> torch.Tensor:
        centre = torch.linspace(0, 1, deltas.shape[0]).unsqueeze(1) + deltas[:, :2] * 0.1
        size = torch.exp(deltas[:, 2:].clamp(max=4.0)) * 0.1
        return torch.cat([centre - size / 2, centre + size / 2], 1)

    def areas(self, boxes: torch.Tensor) -> torch.Tensor:
        return (boxes[:, 2:] - boxes[:, :2]).prod(1)

    def suppressed(self, boxes: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Which boxes stay: none that overlaps by more than half with a better one of its class."""
        low = torch.maximum(boxes[:, None, :2], boxes[None, :, :2])
        high = torch.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
        inner = (high - low).clamp(min=0).prod(2)
        areas = self.areas(boxes)
        overlap = inner / (areas[:, None] + areas[None] - inner)
        rival = (overlap > 0.5) & (label[:, None] == label[None])
        keep = torch.ones(self.kept, dtype=torch.bool)
        for index in range(1, self.kept):
            beaten = (rival[index, :index] & keep[:index]).any()
            keep = torch.where(torch.arange(self.kept) == index, ~beaten, keep)
        return keep
