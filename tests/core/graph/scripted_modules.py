"""Modules for torch.jit.script, which reads no annotations that are texts."""

from typing import Tuple  # noqa: UP035

import torch


class Listener(torch.nn.Module):
    """A state in plain attributes, that takes its shape from the first call; a choice and a loop by numbers."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.fast, self.slow = torch.nn.Linear(8, 3), torch.nn.Linear(6, 3)
        self.last, self.seen, self.rate = torch.zeros(0), torch.full((1, 3), start), 0

    def forward(self, x: torch.Tensor, rate: int) -> torch.Tensor:
        if rate != 8 and rate != 16:
            raise ValueError(f"rate is {rate}")
        if self.rate != rate:
            self.last = torch.zeros([x.size(0), 2])
        self.rate = rate
        joined = torch.cat([self.last, x], 1)
        if rate == 16:
            y = self.fast(joined)
        else:
            y = self.slow(joined)
        for _ in range(rate // 8):
            y = torch.relu(y) + 0.5 * self.seen
        self.last = x[:, -2:]
        self.seen = y
        return y


class Counting(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls = self.calls + 1
        return x * self.calls


class Growing(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.kept = torch.zeros(1, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.kept = torch.cat([self.kept, x], 0)
        return self.kept.sum(0)


class Asking(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.last = torch.zeros(1, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.last = x
        return x[: int(x.sum())]


class Sized(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor, scale: float = 2.0) -> torch.Tensor:
        y = self.conv(x) * scale
        return y.reshape(y.size(0), 4, y.size(2) * y.size(3)).mean(2)


class Writing(torch.nn.Module):
    """Writes into a buffer and into a plain attribute, in place, beside a loop by numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kept", torch.ones(2, 3))
        self.plain = torch.full((2, 3), 2.0)

    def forward(self, x: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:  # noqa: UP006
        n = 0
        while n < 2:
            x = torch.relu(x) + 1.0
            n += 1
        self.kept.add_(x)
        self.plain[0] += x[1]
        return self.kept * 1.0, self.plain + x
