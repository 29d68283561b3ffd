"""Feature pyramids (arXiv:1612.03144) over MobileNetV3 and ResNet-50."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from examples.detectors.blocks import FrozenBatchNorm2d, conv
from examples.detectors.mobilenet_v3 import LAST_STAGE, mobilenet_v3_large


class Bottleneck(nn.Module):
    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = 4 * width
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), FrozenBatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = FrozenBatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, outputs, 1, bias=False), FrozenBatchNorm2d(outputs)
        self.downsample = None
        if inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), FrozenBatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return F.relu(self.bn3(self.conv3(x)) + identity)


def resnet50() -> dict[str, nn.Module]:
    """Its layers by name, without the classifier."""
    layers: dict[str, nn.Module] = {
        "conv1": nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        "bn1": FrozenBatchNorm2d(64),
        "relu": nn.ReLU(),
        "maxpool": nn.MaxPool2d(3, 2, 1),
    }
    inputs = 64
    for stage, blocks in enumerate((3, 4, 6, 3)):
        width = 64 << stage
        strides = [2 if stage else 1] + [1] * (blocks - 1)
        layers[f"layer{stage + 1}"] = nn.Sequential(
            *(Bottleneck(inputs if k == 0 else 4 * width, width, s) for k, s in enumerate(strides))
        )
        inputs = 4 * width
    return layers


class Body(nn.ModuleDict):
    """Layers one after another, some of whose results are kept, under new names."""

    def __init__(self, layers: dict[str, nn.Module], kept: dict[str, str]) -> None:
        super().__init__(layers)
        self.kept = kept

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = {}
        for name, layer in self.items():
            x = layer(x)
            if name in self.kept:
                features[self.kept[name]] = x
        return features


class FeaturePyramid(nn.Module):
    def __init__(self, inputs: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.inner_blocks = nn.ModuleList(conv(n, outputs, 1, activation=None) for n in inputs)
        self.layer_blocks = nn.ModuleList(
            conv(outputs, outputs, 3, activation=None) for _ in inputs
        )

    def forward(self, x: dict[str, Tensor]) -> dict[str, Tensor]:
        names, maps = list(x), list(x.values())
        last = self.inner_blocks[-1](maps[-1])
        results = [self.layer_blocks[-1](last)]
        for k in reversed(range(len(maps) - 1)):
            inner = self.inner_blocks[k](maps[k])
            last = inner + F.interpolate(last, size=inner.shape[-2:], mode="nearest")
            results.insert(0, self.layer_blocks[k](last))
        found = dict(zip(names, results, strict=True))
        found["pool"] = F.max_pool2d(results[-1], 1, 2)
        return found


class BackboneWithFPN(nn.Module):
    out_channels = 256

    def __init__(self, body: Body, inputs: Sequence[int]) -> None:
        super().__init__()
        self.body, self.fpn = body, FeaturePyramid(inputs, self.out_channels)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return self.fpn(self.body(x))


def mobilenet_v3_fpn() -> BackboneWithFPN:
    """Two levels, both at stride 32, and their pooled last."""
    features = mobilenet_v3_large(FrozenBatchNorm2d)
    layers = {str(number): layer for number, layer in enumerate(features)}
    last = len(features) - 1
    return BackboneWithFPN(Body(layers, {str(LAST_STAGE): "0", str(last): "1"}), [160, 960])


def resnet50_fpn() -> BackboneWithFPN:
    """Four levels, at strides 4 to 32, and their pooled last."""
    kept = {f"layer{k + 1}": str(k) for k in range(4)}
    return BackboneWithFPN(Body(resnet50(), kept), [256, 512, 1024, 2048])
