"""How a detector's ``transform`` makes an image of one known size into what its backbone takes."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from nnapi_core.errors import ConversionError


class ImageTransform(nn.Module):
    """[1, 3, H, W] in 0..1, for one H and W: normalised, resized, and padded as torchvision does."""

    image_mean: Tensor
    image_std: Tensor

    def __init__(self, transform: Any, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.image_size = image_size
        self.resized = _resized(transform, image_size)
        multiple = transform.size_divisible
        self.padded = tuple(math.ceil(one / multiple) * multiple for one in self.resized)
        for name in ("image_mean", "image_std"):
            numbers = torch.tensor(getattr(transform, name), dtype=torch.float32)
            self.register_buffer(name, numbers.reshape(1, -1, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        if tuple(image.shape) != (1, 3, *self.image_size):
            raise ConversionError(
                f"the model was prepared for one image of shape {[1, 3, *self.image_size]}, not "
                f"{list(image.shape)}; prepare it for this size"
            )
        image = (image - self.image_mean) / self.image_std
        if self.resized != self.image_size:
            image = F.interpolate(image, size=self.resized, mode="bilinear", align_corners=False)
        if self.padded == self.resized:
            return image
        bottom, right = (a - b for a, b in zip(self.padded, self.resized, strict=True))
        return F.pad(image, (0, right, 0, bottom))

    def back(self, boxes: Tensor) -> Tensor:
        """Boxes (or points) [..., 2 * n] in the resized image as such in the image that was given."""
        if self.resized == self.image_size:
            return boxes
        height, width = (
            torch.tensor(a, dtype=torch.float32) / torch.tensor(b, dtype=torch.float32)
            for a, b in zip(self.image_size, self.resized, strict=True)
        )
        return boxes * torch.stack([width, height]).repeat(boxes.shape[-1] // 2)


def _resized(transform: Any, image_size: tuple[int, int]) -> tuple[int, int]:
    if transform.fixed_size is not None:
        width, height = transform.fixed_size
        return height, width
    # In float32, and the product in float64, as torchvision has it.
    short, long = (torch.tensor(one, dtype=torch.float32) for one in sorted(image_size))
    scale = torch.min(transform.min_size[-1] / short, transform.max_size / long).item()
    height, width = (math.floor(one * scale) for one in image_size)
    return height, width
