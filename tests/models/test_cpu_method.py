"""``forward_cpu``: an artifact runs without NNAPI, over the same weights, in a process that knows only torch."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import nnapi_core
from tests.models.definitions import UNet, mlp
from tests.models.stock_runs import StockRuns

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
import mobilenet_v2


class Mixed(nn.Module):
    """NNAPI, torch, NNAPI: the weights are read on both sides, views and strides in between."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8 * 36, 40)
        self.bias = nn.Parameter(torch.randn(40).to(torch.bfloat16))

    def forward(self, x: torch.Tensor) -> dict[str, Any]:
        image = self.first(x).relu()
        flat = torch.special.i0(image).view(x.shape[0], -1)
        again = torch.nextafter(self.first.weight, image.mean())
        row = self.second(flat).relu() + self.bias
        values, indices = row.topk(3)
        return {"values": values, "indices": indices, "kernel": again}


class Recurrent(nn.Module):
    """An LSTM, whose NNAPI operation stock PyTorch's format cannot say."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.lstm = nn.Embedding(20, 16), nn.LSTM(16, 24, batch_first=True)
        self.head = nn.Linear(24, 5)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y, (h, c) = self.lstm(self.words(x))
        return self.head(y).softmax(-1), h, c


def image(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


MODELS: dict[str, tuple[Any, torch.Tensor, int]] = {
    "mobilenet_v2": (mobilenet_v2.MobileNetV2, image(1, 3, 64, 64), 29),
    "unet": (UNet, image(2, 3, 16, 24), 30),
    "mlp": (mlp, image(4, 1, 28, 28), 27),
    "recurrent": (Recurrent, torch.arange(10).reshape(2, 5), 29),
    "mixed": (Mixed, image(1, 3, 6, 6), 29),
}


def modules() -> dict[str, tuple[nn.Module, torch.Tensor, int]]:
    torch.manual_seed(0)
    return {
        name: (mobilenet_v2.seeded(make()).eval(), example, level)
        for name, (make, example, level) in MODELS.items()
    }


@pytest.mark.parametrize("suffix", [".pt", ".ptl"])
def test_same_result_with_and_without_a_library(suffix: str, tmp_path: Path) -> None:
    given = modules()
    for number, with_library in enumerate((True, False)):
        folder = tmp_path / str(number)
        folder.mkdir()
        runs = StockRuns(folder)
        for name, (module, example, level) in given.items():
            converted = nnapi_core.convert(module, (example,), feature_level=level)
            runs.add(name, converted, [(example,)], suffix)
        runs.run(with_library=with_library)
        for name, (module, example, _) in given.items():
            with torch.no_grad():
                expected = [module(example)]
            methods = ["forward_cpu"]
            if with_library:
                methods.append("forward")
            else:
                assert "libneuralnetworks" in (runs.error(name, "forward") or ""), name
            for method in methods:
                found = runs.results(name, method)
                torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_weights_are_not_stored_again(tmp_path: Path) -> None:
    module, example, level = modules()["unet"]
    converted = nnapi_core.convert(module, (example,), feature_level=level)
    weights = converted.report.weight_bytes
    for suffix in (".ptl", ".nnapi"):
        path = tmp_path / f"unet{suffix}"
        converted.save(path)
        assert path.stat().st_size < 1.02 * weights + 60_000


@pytest.mark.parametrize(
    "norm",
    [
        nn.utils.parametrizations.weight_norm,
        partial(nn.utils.parametrizations.weight_norm, dim=2),
        nn.utils.parametrizations.spectral_norm,
        nn.utils.parametrizations.orthogonal,
    ],
    ids=["by channel", "by place", "spectral", "orthogonal"],
)
def test_layers_of_normed_weights_have_it(norm: Callable[[nn.Module], nn.Module]) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(norm(nn.Conv1d(3, 4, 5)), nn.ReLU()).eval()
    converted = nnapi_core.convert(module, (torch.randn(1, 3, 9),))
    manifest, programs = converted.contents.written()
    assert manifest["cpu"]["program"] in programs


def test_quantised_models_take_the_same_tensors(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 5)).eval()
    x = image(1, 3, 6, 6)
    quantised = nnapi_core.quantize(module, [(x,)], per_channel=False)
    converted = nnapi_core.convert(quantised, (x,), quantized_io=True, fallback="error")
    (entry,) = converted.contents.manifest["stages"][0]["inputs"]
    given = torch.quantize_per_tensor(x, entry["scale"], entry["zero_point"], torch.quint8)
    runs = StockRuns(tmp_path)
    runs.add("quantised", converted, [(given,)], ".ptl")
    runs.run(with_library=True)
    (on_nnapi,), (in_torch,) = (
        runs.results("quantised", method) for method in ("forward", "forward_cpu")
    )
    assert on_nnapi.dtype == in_torch.dtype == torch.quint8
    assert on_nnapi.q_scale() == in_torch.q_scale()
    steps = (on_nnapi.int_repr().int() - in_torch.int_repr().int()).abs().max()
    assert int(steps) <= 1


def test_what_stock_pytorch_cannot_say_stays_in_torch() -> None:
    module, example, level = modules()["recurrent"]
    converted = nnapi_core.convert(module, (example,), feature_level=level)
    assert converted.report.stages == ["nnapi"]
    stock = converted.for_stock()
    (row,) = (row for row in stock.report.nodes if "lstm" in row.target)
    assert (row.device, row.reason_code) == ("cpu", "stock_format")
    assert "nnapi" in stock.report.stages


class Doubled(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.where(x > 3, x, 0).to(torch.float32).tanh()


def test_integers_beyond_nnapis_are_refused(tmp_path: Path) -> None:
    small, large = torch.tensor([1, 2**31 - 1, 5]), torch.tensor([1, 2**32 + 7, 5])
    converted = nnapi_core.convert(Doubled(), (small,), feature_level=30)
    assert "nnapi" in converted.report.stages
    runs = StockRuns(tmp_path)
    runs.add("small", converted, [(small,)], ".ptl")
    runs.add("large", converted, [(large,)], ".ptl")
    runs.run(with_library=True)
    assert torch.equal(runs.results("small", "forward")[0], Doubled()(small))
    assert "beyond int32" in (runs.error("large", "forward") or "")
    assert torch.equal(runs.results("large", "forward_cpu")[0], Doubled()(large))
