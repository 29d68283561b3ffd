"""The models that are raced. Weights are random and seeded, batch 1; nothing is downloaded."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch
from attrs import frozen
from torch import nn

from benchmarks.architectures import randomised
from benchmarks.networks import Denoiser, Lraspp, Perceptron
from benchmarks.torchvision_stand_in import torchvision_stand_in

os.environ["HF_HUB_OFFLINE"] = "1"
CALIBRATION_BATCHES = 8


@frozen(eq=False)
class Case:
    """``build`` makes the module; ``shape`` is its only input's. ``quantised``: is it raced in integers too?"""

    name: str
    title: str
    shape: tuple[int, ...]
    build: Callable[[], nn.Module]
    quantised: bool = True

    @property
    def precisions(self) -> tuple[str, ...]:
        return ("fp32", "int8") if self.quantised else ("fp32",)

    def module(self) -> nn.Module:
        """In evaluation mode, the same in every process."""
        torch.manual_seed(0)
        return randomised(self.build(), self.example())

    def example(self) -> tuple[torch.Tensor]:
        return (self._input(0),)

    def calibration(self) -> list[tuple[torch.Tensor]]:
        return [(self._input(number),) for number in range(CALIBRATION_BATCHES)]

    def _input(self, seed: int) -> torch.Tensor:
        return torch.randn(self.shape, generator=torch.Generator().manual_seed(seed))


def _timm(name: str, **options: Any) -> nn.Module:
    with torchvision_stand_in():
        import timm
    return timm.create_model(name, pretrained=False, **options)


def _lraspp() -> nn.Module:
    backbone = _timm("mobilenetv3_large_100", features_only=True, output_stride=16)
    channels = backbone.feature_info.channels()
    low = backbone.feature_info.reduction().index(8)
    return Lraspp(backbone, low=low, channels=(channels[low], channels[-1]))


_IMAGE = (1, 3, 224, 224)
CASES = {
    case.name: case
    for case in (
        Case("mobilenetv2", "MobileNetV2 224²", _IMAGE, lambda: _timm("mobilenetv2_100")),
        Case("resnet50", "ResNet-50 224²", _IMAGE, lambda: _timm("resnet50")),
        Case("lraspp", "LR-ASPP MobileNetV3 256²", (1, 3, 256, 256), _lraspp),
        Case("mlp", "MLP 784-512-512-10", (1, 784), Perceptron),
        Case("vit", "ViT-tiny 224²", _IMAGE, lambda: _timm("vit_tiny_patch16_224"), False),
        Case("denoiser", "audio GRU denoiser", (1, 1, 4096), Denoiser, False),
    )
}
