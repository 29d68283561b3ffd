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
from tests.models.stock_runs import StockRuns

ROOT = Path(__file__).parents[3]
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
    generator = torch.Generator().manual_seed(3)
    given = [torch.randn(shape, generator=generator) for shape in case.shapes]
    with torch.no_grad():
        expected = [case.module(image) for image in given]
    converted.save(tmp_path / "model.nnapi")
    loaded = nnapi_runtime.load(tmp_path / "model.nnapi")
    runs = StockRuns(tmp_path)
    runs.add("model", converted, [(image,) for image in given], ".ptl")
    runs.run(with_library=True)
    stock, in_torch = runs.results("model", "forward"), runs.results("model", "forward_cpu")
    for image, right, one, other in zip(given, expected, stock, in_torch, strict=True):
        for result in (loaded(image), one, other):
            torch.testing.assert_close(result, right, rtol=1e-3, atol=2e-4)


class LanguageModel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        transformers = pytest.importorskip("transformers")
        config = transformers.GPT2Config(
            n_layer=2, n_head=2, n_embd=32, vocab_size=97, n_positions=48, use_cache=False,
            bos_token_id=0, eos_token_id=0,
        )  # fmt: skip
        torch.manual_seed(0)
        self.model = transformers.GPT2LMHeadModel(config)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.model(ids).logits


def test_gpt2_of_any_length(tmp_path: Path) -> None:
    module = LanguageModel().eval()
    lengths = [1, 2, 3, 7, 16, 31, 48]
    texts = [torch.randint(0, 97, (1, length)) for length in lengths]
    converted = nnapi_core.convert(
        module,
        (texts[4],),
        dynamic_shapes=({1: Dim("length", min=1, max=48)},),
        fallback="error",
    )
    assert converted.report.shape_strategy == Strategy.LOAD_TIME.value
    converted.save(tmp_path / "gpt2.nnapi")
    loaded = nnapi_runtime.load(tmp_path / "gpt2.nnapi")
    runs = StockRuns(tmp_path)
    runs.add("gpt2", converted, [(text,) for text in texts], ".ptl")
    runs.run(with_library=True)
    for text, stock in zip(texts, runs.results("gpt2", "forward"), strict=True):
        with torch.no_grad():
            expected = module(text)
        torch.testing.assert_close(loaded(text), expected, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(stock, expected, rtol=1e-4, atol=1e-4)
    with pytest.raises(nnapi_runtime.ArgumentError, match=r"length is 49.* from 1 to 48"):
        loaded(torch.randint(0, 97, (1, 49)))
