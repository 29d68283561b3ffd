"""Modules that change their buffers, as caches, counters and filters do. Each takes rows of 3 numbers and a place."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

SIDE = 4


class Counter(nn.Module):
    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.register_buffer("count", torch.ones((), dtype=dtype))

    def forward(self, x: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        self.count += 2
        return x * self.count


class Cache(nn.Module):
    """Written at a place that is computed; read whole."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.register_buffer("rows", torch.linspace(-1, 1, SIDE * 3).reshape(SIDE, 3))
        self.how = how

    def forward(self, x: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        if self.how == "index_copy":
            self.rows.index_copy_(0, place, x)
        elif self.how == "index_put":
            self.rows[place] = x
        else:
            self.rows[1:2] = x
        return self.rows.sum(0, keepdim=True) - x


class Heads(nn.Module):
    """As a decoder's: ``cache[:, :, place] = new``, and attention over it."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("keys", torch.zeros(1, 2, SIDE, 3))

    def forward(self, x: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        new = torch.stack([x, -x]).reshape(1, 2, 1, 3)
        self.keys[:, :, place] = new
        scores = torch.softmax(new @ self.keys.transpose(-1, -2), -1)
        return (scores @ self.keys).sum(1).reshape(1, 3)


class Ring(nn.Module):
    """The latest rows, assigned anew in each call; returns what left."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("latest", torch.zeros(SIDE, 3))

    def forward(self, x: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        oldest = self.latest[:1] * 1
        self.latest = torch.cat([self.latest[1:], x])
        return oldest


class Wheel(nn.Module):
    """The latest rows, each written where the oldest was: at a place that is state itself."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("rows", torch.zeros(SIDE, 3))
        self.register_buffer("turns", torch.zeros(1, dtype=dtype))

    def forward(self, x: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        self.rows.index_copy_(0, self.turns.to(torch.int64), x)
        self.turns.copy_((self.turns + 1) % SIDE)
        return self.rows.amax(0, keepdim=True) + self.turns


class Switch(nn.Module):
    """Two states, of which a condition on the state itself says which one is written, and how."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("rises", torch.ones(1, dtype=torch.int32))
        self.register_buffer("level", torch.zeros(1, 3))

    def forward(self, x: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        level, rises = torch.cond(
            (self.rises > 0).all() & (x.sum() > -1),
            lambda level, rises, x: (level + x, rises - 1),
            lambda level, rises, x: (level * 0.5, rises + 2),
            (self.level, self.rises, x),
        )
        self.level.copy_(level)
        self.rises.copy_(rises)
        return level * 2 + rises


class Store:
    """Tensors in an object that is no module, as transformers' caches are."""

    def __init__(self) -> None:
        self.rows, self.count = torch.zeros(SIDE, 3), torch.zeros(1, dtype=torch.int32)

    def add(self, x: torch.Tensor) -> torch.Tensor:
        self.rows.index_copy_(0, (self.count % SIDE).to(torch.int64), x)
        self.count.add_(1)
        return self.rows


class Held(nn.Module):
    """An object's tensors, which are registered as buffers too. One of them is read by that name."""

    def __init__(self) -> None:
        super().__init__()
        self.store = Store()
        self.register_buffer("rows", self.store.rows)
        self.register_buffer("count", self.store.count)

    def forward(self, x: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        return self.store.add(x).sum(0, keepdim=True) + self.rows[:1] * self.store.count


class Before(nn.Module):
    """Returns its state as it was, and keeps the argument as it is."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("last", torch.full((1, 3), 0.5))

    def forward(self, x: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        before = self.last.clone()
        self.last.copy_(x)
        return before


class Swap(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("one", torch.zeros(1, 3))
        self.register_buffer("other", torch.ones(1, 3))

    def forward(self, x: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        kept = self.one.clone()
        self.one.copy_(self.other)
        self.other.copy_(kept)
        return self.one + x


class Twins(nn.Module):
    """Three states of the same value, which is returned, too."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("one", torch.zeros(1, 3))
        self.register_buffer("other", torch.zeros(1, 3))
        self.register_buffer("third", torch.zeros(1, 3))

    def forward(self, x: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        value = torch.tanh(self.one + x)
        self.one.copy_(value)
        self.other.copy_(value)
        self.third.copy_(self.other)
        return value * 1


class Branch(nn.Module):
    """The new value comes out of a condition."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("level", torch.zeros(1, 3))

    def forward(self, x: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        new = torch.cond(
            x.sum() > 0, lambda level, x: level + x, lambda level, x: level * 0.5, (self.level, x)
        )
        self.level.copy_(new)
        return new * 2


class Cleared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("first", torch.ones(1, 3))

    def forward(self, x: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        y = x + self.first
        self.first.zero_()
        return y


class InTorch(nn.Module):
    """Its state is computed by an operator that NNAPI has not."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("level", torch.zeros(1, 3))

    def forward(self, x: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        self.level.copy_(torch.special.i0(torch.tanh(self.level + x)))
        return self.level.reshape(3, 1).t()


class Seen(nn.Module):
    """A mask, and a plain attribute that is written in place."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(1, 3, dtype=torch.bool))
        self.total = torch.zeros(1, 3)

    def forward(self, x: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        self.seen |= x > 0
        self.total.add_(x)
        return torch.where(self.seen, self.total, x)


class Image(nn.Module):
    """A state that NNAPI has in another order of dimensions."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.register_buffer("frame", torch.zeros(1, 3, SIDE, 5))

    def forward(self, x: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        self.frame = torch.tanh(self.conv(self.frame + x.reshape(1, 3, 1, 1)))
        return self.frame.mean((2, 3))


CELLS = (
    Counter,
    lambda: Counter(torch.int32),
    lambda: Counter(torch.int64),
    lambda: Cache("index_copy"),
    lambda: Cache("index_put"),
    lambda: Cache("slice"),
    lambda: Wheel(torch.int32),
    lambda: Wheel(torch.int64),
    Switch, Held, Heads, Ring, Before, Swap, Twins, Branch, Cleared, InTorch, Seen, Image,
)  # fmt: skip


class Several(nn.Module):
    """Cells beside or behind one another."""

    def __init__(self, cells: Sequence[nn.Module], in_series: bool) -> None:
        super().__init__()
        self.cells = nn.ModuleList(cells)
        self.in_series = in_series

    def forward(self, x: torch.Tensor, place: torch.Tensor) -> list[torch.Tensor]:
        results = []
        for cell in self.cells:
            results.append(cell(x, place))
            if self.in_series:
                x = torch.tanh(results[-1])
        return results
