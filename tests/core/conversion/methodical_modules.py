"""Modules of several methods over shared weights and buffers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

SIDE = 4
WRITES = ("assign", "in_place", "row", "count")
STEPS = (*WRITES, "linear", "other", "recall", "rows", "times", "relu")


class Scripted(nn.Module):
    """Three methods, each of which is a list of steps from `STEPS`."""

    def __init__(self, scripts: Mapping[str, Sequence[str]]) -> None:
        super().__init__()
        self.scripts = {name: tuple(steps) for name, steps in scripts.items()}
        self.linear, self.other = nn.Linear(3, 3), nn.Linear(3, 3)
        self.register_buffer("memory", torch.randn(1, 3))
        self.register_buffer("cache", torch.zeros(SIDE, 3))
        self.register_buffer("count", torch.ones(1, dtype=torch.int32))

    def first(self, x: torch.Tensor, place: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self._run("first", x, place)

    def second(self, x: torch.Tensor, place: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self._run("second", x, place)

    def third(self, x: torch.Tensor, place: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self._run("third", x, place)

    def _run(self, name: str, x: torch.Tensor, place: torch.Tensor) -> tuple[torch.Tensor, ...]:
        results = []
        for step in self.scripts[name]:
            x = self._step(step, x, place)
            results.append(x)
        return (*results, self.linear(x) + place)

    def _step(self, step: str, x: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        if step == "assign":
            self.memory = x * 2
        elif step == "in_place":
            self.memory.mul_(0.5).add_(x)
        elif step == "row":
            self.cache.index_copy_(0, place, x)
        elif step == "count":
            self.count += 1
        elif step == "recall":
            return x + self.memory
        elif step == "rows":
            return x + self.cache.sum(0, keepdim=True)
        elif step == "times":
            return x * self.count.to(torch.float32)
        else:
            return torch.relu(x) if step == "relu" else torch.tanh(getattr(self, step)(x))
        return x


class Speech(nn.Module):
    """An encoder whose result a decoder reads, and one layer that both have."""

    def __init__(self, wide: int = 8) -> None:
        super().__init__()
        self.shared, self.out = nn.Linear(wide, wide), nn.Linear(wide, 3)
        self.register_buffer("memory", torch.zeros(1, wide))

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Encodes."""
        self.memory = torch.relu(self.shared(x))
        return self.memory.sum(-1)

    def decode(self, y: torch.Tensor, scale: float = 2.0) -> dict[str, torch.Tensor]:
        """Decodes."""
        return {"scores": self.out(self.shared(y) + self.memory * scale)}

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """Keeps nothing, and takes any number of rows."""
        return self.shared(x) * 0.5

    def forward(self, x: torch.Tensor) -> Any:
        return self.shared(x)
