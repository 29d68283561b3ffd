"""Writes small .nnapi files, with inputs and what they gave: run by the version whose files are to be kept.

python tests/data/nnapi/make.py FOLDER
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.export import Dim
from torch.utils import _pytree as pytree

import nnapi_core
import nnapi_runtime

Example = tuple[nn.Module, tuple[torch.Tensor, ...], dict[str, Any]]


class Conv(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU6())
        depthwise = [nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.BatchNorm2d(8), nn.ReLU6()]
        self.block = nn.Sequential(*depthwise, nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8))
        self.head = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.stem(x)
        x = x + self.block(x)
        return self.head(x.mean((2, 3))), x


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(6, 5, batch_first=True)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        y, (h, c) = self.lstm(x)
        return {"y": y, "h": h, "c": c}


class Ids(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.linear = nn.Embedding(10, 6), nn.Linear(6, 3)

    def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.linear(self.embedding(ids)).argmax(-1), ids + 1


class FivePieces(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.special.i0(self.a(x).relu() * 0.1)
        x = torch.special.i0(self.b(x).relu() * 0.1)
        return self.c(x)


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cond(x.sum() > 0, lambda x: self.linear(x), lambda x: x * 2, (x,))


class Loop(nn.Module):
    def forward(self, n: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        start = torch.zeros((), dtype=torch.int32)
        return torch._higher_order_ops.while_loop(
            lambda i, n, x: i < n, lambda i, n, x: (i + 1, n.clone(), x * 0.5 + 1), (start, n, x)
        )[2]


class LoadTime(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x).reshape(x.shape[0] * 2, 3).softmax(0)


class Written(nn.Module):
    def forward(self, x: torch.Tensor, cache: torch.Tensor) -> tuple[torch.Tensor, int, None]:
        cache.add_(x)
        return cache * 2, 3, None


class TopTwo(nn.Module):
    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        values, indices = torch.topk(x, 2)
        return {"values": values, "indices": indices}


def mlp() -> Example:
    layers = nn.Linear(16, 24), nn.ReLU(), nn.Linear(24, 4), nn.Softmax(-1)
    return nn.Sequential(*layers), (torch.randn(2, 16),), {}


def free() -> Example:
    layers = nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)
    sizes = ({0: Dim("n", min=1, max=8)},)
    return nn.Sequential(*layers), (torch.randn(2, 3, 8, 8),), {"dynamic_shapes": sizes}


def rows(**options: Any) -> dict[str, Any]:
    return {"dynamic_shapes": ({0: Dim("rows", min=2, max=32)},), **options}


def variants() -> Example:
    options = rows(sizes=[{"rows": 4}, {"rows": 8}])
    return nn.Sequential(nn.Linear(6, 3), nn.Tanh()), (torch.randn(4, 6),), options


MODELS: dict[str, Callable[[], Example]] = {
    "mlp": mlp,
    "conv": lambda: (Conv(), (torch.randn(1, 3, 16, 16),), {}),
    "lstm": lambda: (Recurrent(), (torch.randn(1, 4, 6),), {}),
    "ids": lambda: (Ids(), (torch.randint(0, 10, (1, 5)),), {}),
    "five": lambda: (FivePieces(), (torch.randn(2, 8),), {}),
    "branches": lambda: (Branches(), (torch.randn(2, 4),), {"feature_level": 30}),
    "branches29": lambda: (Branches(), (torch.randn(2, 4),), {"feature_level": 29}),
    "loop29": lambda: (Loop(), (torch.tensor(3, dtype=torch.int32), torch.randn(2, 4)), {}),
    "free": free,
    "patched": lambda: (LoadTime(), (torch.randn(4, 6),), rows(shape_strategy="load")),
    "variants": variants,
    "written": lambda: (Written(), (torch.randn(2, 3), torch.zeros(2, 3)), {}),
    "topk": lambda: (TopTwo(), (torch.randn(2, 9),), {}),
}


def keep(folder: Path, name: str, args: tuple[torch.Tensor, ...]) -> None:
    """Runs the file, and keeps what went in and came out beside it."""
    session = nnapi_runtime.load(folder / f"{name}.nnapi")
    arrays = {f"in{i}": one.numpy().copy() for i, one in enumerate(args)}
    results = pytree.tree_leaves(session(*(one.clone() for one in args)))
    arrays |= {f"out{i}": np.asarray(one) for i, one in enumerate(results) if one is not None}
    np.savez_compressed(folder / f"{name}.npz", **arrays)


def main(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name, make in MODELS.items():
        torch.manual_seed(1)
        module, args, options = make()
        nnapi_core.convert(module.eval(), args, **options).save(folder / f"{name}.nnapi")
        keep(folder, name, args)
    torch.manual_seed(2)
    module, args, _ = mlp()
    quantised = nnapi_core.quantize(module.eval(), [args])
    integers = (torch.randint(0, 255, (2, 16), dtype=torch.uint8),)
    for name, given in (("integers", args), ("integers_io", integers)):
        converted = nnapi_core.convert(quantised, args, quantized_io=given is integers)
        converted.save(folder / f"{name}.nnapi")
        keep(folder, name, given)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
