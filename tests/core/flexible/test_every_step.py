"""Every step of the random networks at several sizes: in our executor, and in stock PyTorch, in one process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.export import Dim

import nnapi_core
from tests.core.flexible.networks import (
    CHANNELS,
    IMAGE_ENDS,
    IMAGE_STEPS,
    SEQUENCE_ENDS,
    SEQUENCE_STEPS,
    Chain,
)
from tests.core.flexible.test_random_networks import BATCH, HEIGHT, LENGTH, WIDTH
from tests.models.stock_runs import StockRuns

# torch.export finds that it would have to tell odd sizes from even ones.
NOT_EXPORTED = {"ceil pool"}
Table = dict[str, Callable[[], nn.Module]]
IMAGES = {0: BATCH, 2: HEIGHT, 3: WIDTH}
IMAGE_SHAPES = [(2, CHANNELS, 12, 12), (1, CHANNELS, 6, 30), (5, CHANNELS, 29, 7)]
SEQUENCES = {0: BATCH, 1: LENGTH}
SEQUENCE_SHAPES = [(2, 7, 8), (1, 1, 8), (5, 20, 8), (1, 9, 8), (3, 1, 8)]


class Branching(nn.Module):
    """What stock PyTorch's format cannot say: an IF of feature level 30, over a truth."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.linear(x)
        return torch.cond(y.sum() > 0, lambda y: y.exp(), _counted, (y,)) + 1


def _counted(y: torch.Tensor) -> torch.Tensor:
    return y + torch.arange(y.shape[1]).unsqueeze(1)


def test_every_step(tmp_path: Path) -> None:
    runs = StockRuns(tmp_path)
    checks: list[tuple[str, nn.Module, Any, list[torch.Tensor]]] = []

    def add(
        name: str, module: nn.Module, dims: dict[int, Any], shapes: list[tuple[int, ...]]
    ) -> None:
        module.eval()
        given = [torch.randn(shape) for shape in shapes]
        model = nnapi_core.convert(module, (given[0],), dynamic_shapes=(dims,), feature_level=30)
        name = name.replace(" ", "_").replace(":", "")
        runs.add(name, model, [(x,) for x in given], ".ptl")
        checks.append((name, module, model, given))

    def add_all(kind: str, table: Table, dims: dict[int, Dim], shapes: list[Any]) -> None:
        for name in table.keys() - NOT_EXPORTED:
            add(f"{kind} {name}", Chain([name], table), dims, shapes)

    torch.manual_seed(5)
    add_all("image", IMAGE_STEPS, IMAGES, IMAGE_SHAPES)
    add_all("image end", IMAGE_ENDS, IMAGES, IMAGE_SHAPES)
    add_all("sequence", SEQUENCE_STEPS, SEQUENCES, SEQUENCE_SHAPES)
    add_all("sequence end", SEQUENCE_ENDS, SEQUENCES, SEQUENCE_SHAPES)
    add("branching", Branching(), SEQUENCES, SEQUENCE_SHAPES)
    runs.run(with_library=True)
    for name, module, model, given in checks:
        for x, stock in zip(given, runs.results(name, "forward"), strict=True):
            with torch.no_grad():
                expected = module(x)
            for where, result in {"here": model(x), "in stock PyTorch": stock}.items():
                said = f"{name} at {list(x.shape)} {where}"
                torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-4, msg=said)
