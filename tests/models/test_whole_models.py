"""Whole models: converted without a CPU piece, right, saved, loaded and run in stock torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import nnapi_core
import nnapi_runtime
from nnapi_core.verification.verify import verify
from tests.models.definitions import ResNet, UNet, mlp

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "examples"))
import mobilenet_v2  # noqa: E402


def image(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


MODELS = {
    "mobilenet_v2": (mobilenet_v2.MobileNetV2, image(1, 3, 96, 96), 29),
    "resnet50": (ResNet, image(1, 3, 96, 96), 29),
    "unet_bilinear": (UNet, image(2, 3, 32, 48), 30),
    "mlp": (mlp, image(4, 1, 28, 28), 27),
}


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> tuple[nn.Module, torch.Tensor, int]:
    make, example, level = MODELS[request.param]
    return mobilenet_v2.seeded(make()), example, level


def test_converts_whole_and_agrees(
    model: tuple[nn.Module, torch.Tensor, int], tmp_path: Path
) -> None:
    module, example, level = model
    converted = nnapi_core.convert(module, (example,), feature_level=level, fallback="error")
    assert converted.report.feature_level <= level
    assert converted.report.share == 1.0
    with torch.no_grad():
        expected = module(example)
    result = verify(converted, (example,), expected, limit=1e-4)
    assert result.passed, result
    converted.save(tmp_path / "model.nnapi")
    loaded = nnapi_runtime.load(tmp_path / "model.nnapi")
    assert torch.equal(loaded(example), converted(example))


@pytest.mark.parametrize("suffix", [".pt", ".ptl"])
def test_runs_in_a_process_that_imports_only_torch(suffix: str, tmp_path: Path) -> None:
    module, example = mobilenet_v2.seeded(UNet()), image(1, 3, 16, 16)
    path = tmp_path / f"unet{suffix}"
    nnapi_core.convert(module, (example,), feature_level=30, fallback="error").save(path)
    torch.save((example,), tmp_path / "in.pt")
    runner = ROOT / "examples" / "stock_runner.py"
    arguments = [nnapi_runtime.host_library(), path, tmp_path / "in.pt", tmp_path / "out.pt"]
    done = subprocess.run(
        [sys.executable, runner, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "modules of ours imported: 0" in done.stdout
    with torch.no_grad():
        expected = module(example)
    torch.testing.assert_close(torch.load(tmp_path / "out.pt"), expected, rtol=1e-4, atol=1e-4)
