"""Whole models with free sizes: one artifact, right at every size of the range."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.export import Dim

import nnapi_core
import nnapi_runtime
from nnapi_core.flexible.strategy import Strategy
from tests.models.definitions import UNet

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "examples"))
import mobilenet_v2  # noqa: E402

BATCH = Dim("batch", min=1, max=4)


def images(count: int, step: int, least: int, most: int) -> list[tuple[int, ...]]:
    """Shapes of batches of images, always the same."""
    chosen = random.Random(1)

    def side() -> int:
        return step * chosen.randint(least, most)

    return [(chosen.randint(1, 4), 3, side(), side()) for _ in range(count)]


class Case:
    def __init__(
        self,
        module: nn.Module,
        dims: dict[int, Any],
        shapes: list[tuple[int, ...]],
        strategy: Strategy,
    ) -> None:
        self.module = mobilenet_v2.seeded(module)
        self.dims = dims
        self.shapes = shapes
        self.strategy = strategy


def mobilenet(strategy: Strategy) -> Case:
    height, width = Dim("height", min=33, max=112), Dim("width", min=33, max=112)
    shapes = images(20, 1, 33, 112)
    return Case(mobilenet_v2.MobileNetV2(), {0: BATCH, 2: height, 3: width}, shapes, strategy)


def unet(strategy: Strategy) -> Case:
    rows, columns = Dim("rows", min=2, max=16), Dim("columns", min=2, max=16)
    shapes = images(20, 4, 2, 16)
    return Case(UNet(8), {0: BATCH, 2: 4 * rows, 3: 4 * columns}, shapes, strategy)


CASES = {
    "mobilenet at run time": (mobilenet, Strategy.RUN_TIME),
    "mobilenet at load time": (mobilenet, Strategy.LOAD_TIME),
    "unet at load time": (unet, Strategy.LOAD_TIME),
}


@pytest.mark.parametrize("name", CASES)
def test_one_artifact_for_twenty_shapes(name: str, tmp_path: Path) -> None:
    make, strategy = CASES[name]
    case = make(strategy)
    converted = nnapi_core.convert(
        case.module,
        (torch.randn(2, 3, 48, 64),),
        dynamic_shapes=(case.dims,),
        shape_strategy=strategy,
        feature_level=30,
        fallback="error",
    )
    assert converted.report.shape_strategy == strategy.value
    converted.save(tmp_path / "model.nnapi")
    loaded = nnapi_runtime.load(tmp_path / "model.nnapi")
    for shape in case.shapes:
        image = torch.randn(shape, generator=torch.Generator().manual_seed(3))
        with torch.no_grad():
            expected = case.module(image)
        torch.testing.assert_close(loaded(image), expected, rtol=1e-3, atol=2e-4)
