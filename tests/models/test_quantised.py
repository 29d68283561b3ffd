"""Real architectures in integers: on photographs, a segmentation model, a denoiser, and in a stock torch process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import nnapi_core
from benchmarks.networks import Denoiser
from tests.models.definitions import UNet
from tests.models.stock_runs import StockRuns

pytest.importorskip("torchao", reason="quantisation needs the extra `quant`")
pytest.importorskip("PIL", reason="scikit-learn's photographs are read by Pillow (extra `dev`)")

from benchmarks.photographs import crops, settle
from benchmarks.quantisation import snr, tones
from nnapi_core.testing.rounded_layers import compare_layers

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
from mobilenet_v2 import MobileNetV2, seeded

Batches = list[tuple[torch.Tensor, ...]]


def on_photographs(module: nn.Module, size: int) -> tuple[nn.Module, Batches]:
    """With the batch norms of crops; the last batch is not for calibration."""
    images = crops(5, size, seed=2)[0]
    settle(module, images)
    return module.eval(), [(one[None],) for one in images]


@pytest.mark.parametrize("level", [29, 30])
def test_mobilenet_v2(level: int) -> None:
    """Every node in integers, and every layer within a step of PT2E's."""
    module, batches = on_photographs(seeded(MobileNetV2(10)), 64)
    program = nnapi_core.quantize(module, batches[:-1], feature_level=level)
    for quantized_io in (False, True):
        converted = nnapi_core.convert(
            program,
            batches[-1],
            feature_level=level,
            fallback="error",
            quantized_io=quantized_io,
        )
        assert converted.report.float_islands() == []
        assert converted.report.feature_level == level
        counts = converted.report.operations
        borders = 0 if quantized_io else 1
        assert counts.get("QUANTIZE", 0) == counts.get("DEQUANTIZE", 0) == borders
    layers = compare_layers(program, batches[-1], feature_level=level)
    assert len(layers) > 60
    assert min(one.share_within_one for one in layers) >= 0.995


def test_segmentation() -> None:
    module, batches = on_photographs(seeded(UNet()), 32)
    program = nnapi_core.quantize(module, batches[:-1], feature_level=30)
    converted = nnapi_core.convert(program, batches[-1], feature_level=30, fallback="error")
    assert converted.report.float_islands() == []
    with torch.no_grad():
        assert snr(converted(*batches[-1]), program.module()(*batches[-1])) > 25
        assert snr(converted(*batches[-1]), module(*batches[-1])) > 14


def test_denoiser() -> None:
    """Its recurrent layers and norms are islands of floats, which the report names."""
    torch.manual_seed(0)
    module = Denoiser().eval()
    batches = tones(4, 0)
    program = nnapi_core.quantize(module, batches[:-1])
    converted = nnapi_core.convert(program, batches[-1], fallback="error")
    islands = {row.target for row in converted.report.float_islands()}
    assert islands == {"aten.group_norm.default", "aten.gru.input"}
    assert all(row.reason for row in converted.report.float_islands())
    with torch.no_grad():
        assert snr(converted(*batches[-1]), program.module()(*batches[-1])) > 40
        assert snr(converted(*batches[-1]), module(*batches[-1])) > 30


def test_stock_process(tmp_path: Path) -> None:
    """With float borders and with typed quint8 ones; a scale for each channel cannot be said, and is refused."""
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1),
        nn.ReLU6(),
        nn.Conv2d(8, 8, 3, groups=8),
        nn.Flatten(),
        nn.Linear(288, 5),
    ).eval()
    batches: Batches = [(torch.randn(1, 3, 16, 16),) for _ in range(4)]
    by_channel = nnapi_core.convert(nnapi_core.quantize(module, batches), batches[0])
    with pytest.raises(nnapi_core.ConversionError, match="per_channel=False"):
        by_channel.save(tmp_path / "by_channel.ptl")
    program = nnapi_core.quantize(module, batches, per_channel=False)
    core = nnapi_core.convert(program, batches[0], fallback="error")
    full = nnapi_core.convert(program, batches[0], fallback="error", quantized_io=True)
    (stage,) = full.contents.manifest["stages"]
    scale, zero = stage["inputs"][0]["scale"], stage["inputs"][0]["zero_point"]
    typed = torch.quantize_per_tensor(batches[0][0], scale, zero, torch.quint8)
    runs = StockRuns(tmp_path)
    runs.add("core", core, [batches[0]], ".ptl")
    runs.add("full", full, [(typed,)], ".ptl")
    runs.run(with_library=True)
    expected = core(*batches[0])
    assert torch.equal(runs.results("core", "forward")[0], expected)
    result = runs.results("full", "forward")[0]
    assert result.is_quantized
    torch.testing.assert_close(result.dequantize(), expected)
    assert torch.equal(full(typed.int_repr()), result.int_repr())
