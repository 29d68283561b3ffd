"""Pieces of the two photographs that come with scikit-learn (which needs Pillow to read them)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import torch
from torch import Tensor


def photographs() -> list[Tensor]:
    """A temple and a flower, [3, 427, 640] in 0..1."""
    from sklearn.datasets import load_sample_images

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        images = load_sample_images().images
    return [torch.tensor(one).permute(2, 0, 1).float() / 255 for one in images]


def crops(height: int, width: int, count: int, seed: int = 0) -> Iterator[Tensor]:
    """``count`` pieces [3, height, width], half of each photograph."""
    generator = torch.Generator().manual_seed(seed)
    images = photographs()
    for number in range(count):
        image = images[number % len(images)]
        top, left = (
            int(torch.randint(whole - part + 1, (), generator=generator))
            for whole, part in zip(image.shape[1:], (height, width), strict=True)
        )
        yield image[:, top : top + height, left : left + width].contiguous()
