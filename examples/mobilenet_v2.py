"""MobileNetV2, with torchvision's parameter names, so that its weights load.

nnapi-convert examples/mobilenet_v2.py:model -o mobilenet_v2.ptl --verify
python examples/mobilenet_v2.py --weights mobilenet_v2-b0353104.pth -o mobilenet_v2.nnapi
"""

from __future__ import annotations

import argparse

import torch
from torch import nn

# Expansion, output channels, blocks, stride of the first block (table 2 of the paper, arXiv:1801.04381).
_SETTINGS = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
]


def conv_block(
    inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """Convolution, batch norm, ReLU6."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    )


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; plus the input where the shapes agree."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        layers = [conv_block(inputs, hidden, kernel=1)] if expansion != 1 else []
        layers += [
            conv_block(hidden, hidden, stride=stride, groups=hidden),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        self.conv = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)


class MobileNetV2(nn.Module):
    """Images (N, 3, H, W), normalised, to class scores (N, classes)."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        features: list[nn.Module] = [conv_block(3, 32, stride=2)]
        channels = 32
        for expansion, outputs, blocks, stride in _SETTINGS:
            for block in range(blocks):
                features.append(
                    InvertedResidual(channels, outputs, stride if block == 0 else 1, expansion)
                )
                channels = outputs
        features.append(conv_block(channels, 1280, kernel=1))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.features(x)
        x = nn.functional.adaptive_avg_pool2d(x, (1, 1))
        return self.classifier(torch.flatten(x, 1))


def seeded(module: nn.Module, seed: int = 0) -> nn.Module:
    """Random weights that keep activations of a sensible size, with batch norms that do something."""
    generator = torch.Generator().manual_seed(seed)
    for one in module.modules():
        if isinstance(one, nn.Conv2d | nn.Linear | nn.ConvTranspose2d):
            fan_in = one.weight[0].numel()
            nn.init.normal_(one.weight, 0.0, (2.0 / fan_in) ** 0.5, generator=generator)
        elif isinstance(one, nn.BatchNorm2d):
            nn.init.uniform_(one.weight, 0.5, 1.5, generator=generator)
            nn.init.uniform_(one.bias, -0.2, 0.2, generator=generator)
            nn.init.uniform_(one.running_mean, -0.2, 0.2, generator=generator)
            nn.init.uniform_(one.running_var, 0.5, 1.5, generator=generator)
    return module.eval()


def model() -> tuple[nn.Module, tuple[torch.Tensor]]:
    """With seeded random weights, and an example input."""
    example = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    return seeded(MobileNetV2()), (example,)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", metavar="FILE", help="a state_dict as torchvision has it")
    parser.add_argument("-o", "--output", default="mobilenet_v2.nnapi", metavar="OUT")
    options = parser.parse_args()

    import nnapi_core

    module, args = model()
    if options.weights:
        module.load_state_dict(torch.load(options.weights, map_location="cpu", weights_only=True))
    converted = nnapi_core.convert(module, args, fallback="error")
    with torch.no_grad():
        error = (converted(*args) - module(*args)).abs().max()
    converted.save(options.output)
    print(f"{options.output}: {len(converted.report.nodes)} nodes, max abs error {error:.3g}")


if __name__ == "__main__":
    main()
