"""Layers whose batch, or size, is known only when they run."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.export import Dim
from torch.nn import functional

from nnapi_core import convert


class Calls(nn.Module):
    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


def check(
    module: nn.Module, shapes: list[tuple[int, ...]], free: dict[int, object], level: int
) -> None:
    """Converted once for the first shape, right for all."""
    module = module.eval()
    first, *others = (torch.randn(shape) for shape in shapes)
    converted = convert(
        module, (first,), dynamic_shapes=(free,), feature_level=level, fallback="error"
    )
    for x in (first, *others):
        torch.testing.assert_close(converted(x), module(x), rtol=1e-4, atol=1e-4)


IMAGES: list[nn.Module] = [
    nn.Conv2d(4, 6, 3, padding=1),
    nn.Conv2d(4, 8, 3, groups=4, dilation=2),
    nn.Conv2d(4, 6, 3, groups=2, padding=3),
    nn.ConvTranspose2d(4, 6, 3, 2, groups=2),
    nn.MaxPool2d(3, 2, 1, ceil_mode=True),
    nn.MaxPool2d(3, 2, 1, dilation=2),
    nn.AvgPool2d(3, 2, 1),
    nn.AdaptiveAvgPool2d(1),
    nn.AdaptiveMaxPool2d(5),
    nn.Upsample(scale_factor=2),
    nn.Upsample(scale_factor=1.7, mode="bilinear"),
    nn.Upsample(scale_factor=2, mode="bicubic"),
    nn.LayerNorm(12),
    nn.GroupNorm(2, 4),
    nn.InstanceNorm2d(4, affine=True),
    nn.BatchNorm2d(4),
    nn.LPPool2d(2, 2),
    nn.LocalResponseNorm(3),
    nn.Linear(12, 5),
    nn.Sequential(
        nn.Conv2d(4, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)
    ),
]


@pytest.mark.parametrize("module", IMAGES, ids=lambda module: type(module).__name__)
def test_a_free_batch(module: nn.Module) -> None:
    check(module, [(2, 4, 12, 12), (5, 4, 12, 12)], {0: Dim("batch", min=1, max=8)}, 29)


@pytest.mark.parametrize("module", [nn.Conv1d(4, 6, 3, padding=1), nn.MaxPool1d(2)])
def test_a_free_batch_of_one_dimension(module: nn.Module) -> None:
    check(module, [(2, 4, 12), (5, 4, 12)], {0: Dim("batch", min=1, max=8)}, 29)


@pytest.mark.parametrize(
    "module",
    [
        nn.Sequential(nn.Conv2d(4, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        nn.AdaptiveAvgPool2d(1),
        nn.AdaptiveMaxPool2d(1),
    ],
)
def test_free_heights_and_widths(module: nn.Module) -> None:
    height, width = Dim("height", min=4, max=32), Dim("width", min=4, max=32)
    shapes = [(1, 4, 12, 16), (1, 4, 20, 8)]
    check(module, shapes, {2: 2 * height, 3: 2 * width}, 29)


@pytest.mark.parametrize(
    "function",
    [
        lambda q: functional.scaled_dot_product_attention(q, q, q),
        lambda q: q @ q.transpose(-1, -2),
    ],
)
def test_free_batches_and_lengths_of_products(function: Callable[..., torch.Tensor]) -> None:
    batch, length = Dim("batch", min=1, max=8), Dim("length", min=2, max=32)
    check(Calls(function), [(2, 3, 6, 8), (5, 3, 6, 8)], {0: batch}, 1000006)
    check(Calls(function), [(2, 3, 6, 8), (2, 3, 11, 8)], {2: length}, 1000006)
