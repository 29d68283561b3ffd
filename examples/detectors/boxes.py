"""What detectors do with boxes and images outside of their layers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from attrs import frozen
from torch import Tensor, nn

import nnapi_core.detection.operators  # noqa: F401 (torchvision's, where it is missing)


@frozen
class BoxCoder:
    weights: tuple[float, float, float, float]
    limit: float = math.log(1000.0 / 16)

    def decode(self, deltas: Tensor, boxes: Tensor) -> Tensor:
        """Boxes [N, 4] moved by deltas [N, 4 * C]: [N, C, 4]."""
        width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
        x, y = boxes[:, 0] + 0.5 * width, boxes[:, 1] + 0.5 * height
        each = deltas.unflatten(1, (-1, 4))
        dx, dy, dw, dh = (each[..., k] / self.weights[k] for k in range(4))
        x, y = dx * width[:, None] + x[:, None], dy * height[:, None] + y[:, None]
        w = dw.clamp(max=self.limit).exp() * width[:, None] * 0.5
        h = dh.clamp(max=self.limit).exp() * height[:, None] * 0.5
        return torch.stack([x - w, y - h, x + w, y + h], dim=-1)


def clip(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes [..., 4] clipped to an image of this height and width."""
    x, y = boxes[..., 0::2].clamp(0, size[1]), boxes[..., 1::2].clamp(0, size[0])
    return torch.stack([x[..., 0], y[..., 0], x[..., 1], y[..., 1]], dim=-1)


def large(boxes: Tensor, least: float) -> Tensor:
    """Which boxes [N, 4] are at least so wide and high."""
    return ((boxes[:, 2:] - boxes[:, :2]) >= least).all(dim=1)


def suppress_by_group(boxes: Tensor, scores: Tensor, groups: Tensor, threshold: float) -> Tensor:
    """Positions of the boxes that stay within each group, by falling score."""
    kept = torch.zeros_like(scores, dtype=torch.bool)
    for group in groups.unique():
        (at,) = (groups == group).nonzero(as_tuple=True)
        kept[at[torch.ops.torchvision.nms(boxes[at], scores[at], threshold)]] = True
    (found,) = kept.nonzero(as_tuple=True)
    return found[torch.argsort(scores[found], descending=True, stable=True)]


@frozen
class Images:
    """A batch with zeros beyond each image, and the images' sizes."""

    tensors: Tensor
    image_sizes: list[tuple[int, int]]


class ImageTransform(nn.Module):
    """Images in 0..1, of any sizes: normalised, resized, and put into a batch."""

    def __init__(
        self,
        min_size: int,
        max_size: int,
        *,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
        fixed_size: tuple[int, int] | None = None,
        size_divisible: int = 32,
    ) -> None:
        super().__init__()
        self.min_size, self.max_size = (min_size,), max_size
        self.image_mean, self.image_std = mean, std
        self.fixed_size, self.size_divisible = fixed_size, size_divisible

    def forward(self, images: Sequence[Tensor]) -> Images:
        resized = [self._resized(image) for image in images]
        sizes = [(one.shape[-2], one.shape[-1]) for one in resized]
        height, width = (
            math.ceil(max(one) / self.size_divisible) * self.size_divisible
            for one in zip(*sizes, strict=True)
        )
        batch = [
            F.pad(one, (0, width - w, 0, height - h))
            for one, (h, w) in zip(resized, sizes, strict=True)
        ]
        return Images(torch.stack(batch), sizes)

    def _resized(self, image: Tensor) -> Tensor:
        mean, std = (torch.tensor(one)[:, None, None] for one in (self.image_mean, self.image_std))
        image = ((image - mean) / std)[None]
        if self.fixed_size is not None:
            size = self.fixed_size[::-1]
            return F.interpolate(image, size=size, mode="bilinear", align_corners=False)[0]
        short, long = sorted(float(one) for one in image.shape[-2:])
        scale = torch.min(
            self.min_size[-1] / torch.tensor(short), self.max_size / torch.tensor(long)
        ).item()
        return F.interpolate(
            image,
            scale_factor=scale,
            mode="bilinear",
            recompute_scale_factor=True,
            align_corners=False,
        )[0]


def resize(points: Tensor, here: tuple[int, int], there: tuple[int, int]) -> Tensor:
    """Points or boxes [..., 2 * n] in an image of one size as such in one of another."""
    y, x = (torch.tensor(b * 1.0) / torch.tensor(a * 1.0) for a, b in zip(here, there, strict=True))
    return points * torch.stack([x, y]).repeat(points.shape[-1] // 2)
