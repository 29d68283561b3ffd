"""The convolutions of two networks, for images of 224x224, as shapes alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """A convolution: its output is size x size; a depthwise one has as many inputs as outputs."""

    size: int
    inputs: int
    outputs: int
    window: int = 1
    stride: int = 1
    depthwise: bool = False

    @property
    def products(self) -> int:
        """Multiplications for one image."""
        fan_in = self.window**2 * (1 if self.depthwise else self.inputs)
        return self.size**2 * self.outputs * fan_in


def mobilenet_v2() -> list[Layer]:
    layers = [Layer(112, 3, 32, 3, 2)]
    channels, size = 32, 112
    for expand, outputs, blocks, stride in [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ]:
        for block in range(blocks):
            wide, step = channels * expand, stride if block == 0 else 1
            if expand > 1:
                layers.append(Layer(size, channels, wide))
            size //= step
            layers.append(Layer(size, wide, wide, 3, step, depthwise=True))
            layers.append(Layer(size, wide, outputs))
            channels = outputs
    return [*layers, Layer(size, channels, 1280), Layer(1, 1280, 1000)]


def resnet_50() -> list[Layer]:
    layers = [Layer(112, 3, 64, 7, 2)]
    channels, size = 64, 56
    for width, blocks, stride in [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)]:
        for block in range(blocks):
            step = stride if block == 0 else 1
            layers.append(Layer(size, channels, width))
            size //= step
            layers.append(Layer(size, width, width, 3, step))
            layers.append(Layer(size, width, 4 * width))
            if block == 0:
                layers.append(Layer(size, channels, 4 * width, 1, step))
            channels = 4 * width
    return [*layers, Layer(1, 2048, 1000)]


NETWORKS = {"MobileNetV2": mobilenet_v2, "ResNet-50": resnet_50}
