"""MobileNetV3-Large without its classifier."""

from __future__ import annotations

from torch import Tensor, nn

from examples.detectors.blocks import Norm, SqueezeExcitation, conv

# Kernel, expanded and output channels, squeeze and excitation, hard swish, stride (table 1 of arXiv:1905.02244).
_SETTINGS = [
    (3, 16, 16, False, False, 1),
    (3, 64, 24, False, False, 2),
    (3, 72, 24, False, False, 1),
    (5, 72, 40, True, False, 2),
    (5, 120, 40, True, False, 1),
    (5, 120, 40, True, False, 1),
    (3, 240, 80, False, True, 2),
    (3, 200, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 480, 112, True, True, 1),
    (3, 672, 112, True, True, 1),
    (5, 672, 160, True, True, 2),
    (5, 960, 160, True, True, 1),
    (5, 960, 160, True, True, 1),
]
# Where the stride goes from 16 to 32.
LAST_STAGE = 13


def _multiple_of_8(value: float) -> int:
    rounded = max(8, int(value + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * value else rounded


class InvertedResidual(nn.Module):
    def __init__(
        self, inputs: int, kernel: int, hidden: int, outputs: int, excited: bool,
        activation: type[nn.Module], stride: int, norm: Norm,
    ) -> None:  # fmt: skip
        super().__init__()
        layers: list[nn.Module] = []
        if hidden != inputs:
            layers.append(conv(inputs, hidden, 1, norm=norm, activation=activation))
        layers.append(
            conv(hidden, hidden, kernel, stride, groups=hidden, norm=norm, activation=activation)
        )
        if excited:
            layers.append(SqueezeExcitation(hidden, _multiple_of_8(hidden // 4)))
        layers.append(conv(hidden, outputs, 1, norm=norm, activation=None))
        self.block = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x) if self.residual else self.block(x)


def mobilenet_v3_large(norm: Norm, *, reduced_tail: bool = False) -> nn.Sequential:
    """The features; with ``reduced_tail`` half of the channels in the last stage, as SSD-Lite has them."""
    layers: list[nn.Module] = [conv(3, 16, 3, 2, norm=norm, activation=nn.Hardswish)]
    inputs = 16
    for number, setting in enumerate(_SETTINGS, start=1):
        kernel, hidden, outputs, excited, swish, stride = setting
        if reduced_tail and number >= LAST_STAGE:
            outputs //= 2
            hidden = hidden // 2 if number > LAST_STAGE else hidden
        activation = nn.Hardswish if swish else nn.ReLU
        layers.append(
            InvertedResidual(inputs, kernel, hidden, outputs, excited, activation, stride, norm)
        )
        inputs = outputs
    layers.append(conv(inputs, 6 * inputs, 1, norm=norm, activation=nn.Hardswish))
    return nn.Sequential(*layers)
