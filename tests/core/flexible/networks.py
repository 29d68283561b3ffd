"""Small random networks of free sizes: chains of layers that people write, over images and over sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

Tensor = torch.Tensor
Step = Callable[[nn.Module, Tensor], Tensor]
CHANNELS = 4


class Chain(nn.Module):
    """Named steps one after another; each may make parameters of its own."""

    def __init__(self, steps: list[str], table: dict[str, Callable[[], nn.Module]]) -> None:
        super().__init__()
        self.names = steps
        self.steps = nn.ModuleList(table[name]() for name in steps)

    def __repr__(self) -> str:
        return " → ".join(self.names)

    def forward(self, x: Tensor) -> Tensor:
        for step in self.steps:
            x = step(x)
        return x


class Calls(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class Skip(nn.Module):
    """Down, up again, and joined with what went in."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(CHANNELS, CHANNELS, 3, 2, 1)
        self.join = nn.Conv2d(2 * CHANNELS, CHANNELS, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.interpolate(self.down(x), size=x.shape[-2:], mode="bilinear")
        return self.join(torch.cat([x, y], 1))


class Attention(nn.Module):
    def __init__(self, *, causal: bool) -> None:
        super().__init__()
        self.causal = causal
        self.mix = nn.Linear(8, 24)
        self.out = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, _ = x.shape
        q, k, v = (
            one.reshape(batch, length, 2, 4).transpose(1, 2) for one in self.mix(x).chunk(3, -1)
        )
        scores = q @ k.transpose(-1, -2) / 2
        if self.causal:
            seen = torch.ones(length, length).tril().bool()
            scores = scores.masked_fill(~seen, -1e9)
        y = scores.softmax(-1) @ v
        return self.out(y.transpose(1, 2).reshape(batch, length, 8))


class Positions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(64, 8)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table(torch.arange(x.shape[1]))


def _shuffled(x: Tensor) -> Tensor:
    batch, channels, height, width = x.shape
    y = x.reshape(batch, 2, channels // 2, height, width).transpose(1, 2)
    return y.reshape(batch, channels, height, width)


IMAGE_STEPS: dict[str, Callable[[], nn.Module]] = {
    "conv": lambda: nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1),
    "strided conv": lambda: nn.Conv2d(CHANNELS, CHANNELS, 3, 2, 1),
    "same conv": lambda: nn.Conv2d(CHANNELS, CHANNELS, 4, padding="same"),
    "dilated depthwise": lambda: nn.Conv2d(CHANNELS, CHANNELS, 3, 1, 2, 2, groups=CHANNELS),
    "transposed conv": lambda: nn.ConvTranspose2d(CHANNELS, CHANNELS, 3, 2, 1),
    "batch norm": lambda: nn.BatchNorm2d(CHANNELS),
    "group norm": lambda: nn.GroupNorm(2, CHANNELS),
    "max pool": lambda: nn.MaxPool2d(3, 2, 1),
    "ceil pool": lambda: nn.MaxPool2d(2, ceil_mode=True),
    "average pool": lambda: nn.AvgPool2d(3, 2, 1),
    "twice as large": lambda: nn.Upsample(scale_factor=2),
    "bilinear": lambda: nn.Upsample(scale_factor=1.5, mode="bilinear"),
    "to a fixed size": lambda: nn.Upsample(size=(9, 7), mode="bilinear"),
    "skip": Skip,
    "softmax": lambda: nn.Softmax(1),
    "softmax of rows": lambda: nn.Softmax(-1),
    "shuffle": lambda: Calls(_shuffled),
    "pad": lambda: nn.ZeroPad2d((1, 2, 0, 1)),
    "cropped": lambda: Calls(lambda x: x[:, :, 1:, :-1]),
    "scaled": lambda: Calls(lambda x: x / x.shape[-1]),
    "centred": lambda: Calls(lambda x: x - x.mean((2, 3), keepdim=True)),
    "mirrored": lambda: Calls(lambda x: x.flip(-1) + x),
    "relu": lambda: nn.ReLU(),
}
IMAGE_ENDS: dict[str, Callable[[], nn.Module]] = {
    "as it is": lambda: nn.Identity(),
    "classified": lambda: nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(CHANNELS, 3)
    ),
    "flat": lambda: nn.Flatten(2),
    "tokens": lambda: Calls(lambda x: x.flatten(2).transpose(1, 2).softmax(-1)),
    "pooled": lambda: nn.AdaptiveAvgPool2d((2, 2)),
    "largest": lambda: Calls(lambda x: x.amax((2, 3))),
}
SEQUENCE_STEPS: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Linear(8, 8),
    "layer norm": lambda: nn.LayerNorm(8),
    "attention": lambda: Attention(causal=False),
    "causal attention": lambda: Attention(causal=True),
    "positions": Positions,
    "gelu": lambda: nn.GELU(),
    "convolved": lambda: Calls(
        lambda x: functional.avg_pool1d(x.transpose(1, 2), 3, 1, 1).transpose(1, 2)
    ),
    "last and all": lambda: Calls(lambda x: x[:, -1:] + x),
    "with a start": lambda: Calls(
        lambda x: torch.cat([torch.ones(1, 1, 8).expand(x.shape[0], 1, 8), x], 1)
    ),
    "flat and back": lambda: Calls(lambda x: x.reshape(-1, 8).tanh().reshape(x.shape)),
    "summed up": lambda: Calls(lambda x: x.cumsum(1) / x.shape[1]),
    "softmax over time": lambda: nn.Softmax(1),
}
SEQUENCE_ENDS: dict[str, Callable[[], nn.Module]] = {
    "as it is": lambda: nn.Identity(),
    "mean": lambda: Calls(lambda x: x.mean(1)),
    "largest": lambda: Calls(lambda x: x.argmax(-1)),
    "all pairs": lambda: Calls(lambda x: x @ x.transpose(1, 2)),
}


def _chains(
    steps: dict[str, Callable[[], nn.Module]], ends: dict[str, Callable[[], nn.Module]]
) -> st.SearchStrategy[Chain]:
    names = st.lists(st.sampled_from(sorted(steps)), max_size=3)
    drawn = st.tuples(names, st.sampled_from(sorted(ends)))
    table: dict[str, Any] = {**steps, **{f"end: {name}": make for name, make in ends.items()}}
    return drawn.map(lambda one: Chain([*one[0], f"end: {one[1]}"], table).eval())


def image_networks() -> st.SearchStrategy[Chain]:
    """Of images of `CHANNELS` channels."""
    return _chains(IMAGE_STEPS, IMAGE_ENDS)


def sequence_networks() -> st.SearchStrategy[Chain]:
    """Of sequences of 8 features."""
    return _chains(SEQUENCE_STEPS, SEQUENCE_ENDS)
