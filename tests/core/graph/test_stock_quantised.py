"""Models of torch.ao.quantization: eager, FX and TorchScript, with packed weights, read as they are."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.ao.quantization as quantization
from torch import Tensor, nn
from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

import nnapi_core
from nnapi_core.graph.export.export_module import export
from nnapi_core.graph.export.export_torchscript import load_torchscript

RECIPE = r"nnapi_core\.quantize\(module, calibration_batches\)"
X = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
ENGINES = [one for one in ("x86", "qnnpack") if one in torch.backends.quantized.supported_engines]
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """Scales for each channel under x86, one for each weight under qnnpack."""
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = request.param
    yield request.param
    torch.backends.quantized.engine = before


class Eager(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.quant, self.dequant = quantization.QuantStub(), quantization.DeQuantStub()
        self.conv, self.norm, self.relu = (
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
        )
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.add, self.join = nn.quantized.FloatFunctional(), nn.quantized.FloatFunctional()
        self.linear = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.norm(self.conv(self.quant(x))))
        z = self.depthwise(y)
        y = self.add.add_relu(y, z)
        y = nn.functional.max_pool2d(self.join.cat([y, z], 1), 2)
        y = nn.functional.adaptive_avg_pool2d(y, 1).flatten(1)
        return self.dequant(self.linear(y))


def eager(engine: str) -> nn.Module:
    torch.manual_seed(0)
    module = Eager().eval()
    quantization.fuse_modules(module, [["conv", "norm", "relu"]], inplace=True)
    module.qconfig = quantization.get_default_qconfig(engine)
    quantization.prepare(module, inplace=True)
    module(X)
    return quantization.convert(module)


def by_fx(module: nn.Module, engine: str, x: Tensor) -> nn.Module:
    mapping = quantization.get_default_qconfig_mapping(engine)
    prepared = prepare_fx(module.eval(), mapping, (x,))
    prepared(x)
    return convert_fx(prepared)


def check(
    module: nn.Module, x: Tensor, *, steps: float, equal: float = 0.0, islands: int = 0
) -> None:
    """Within so many steps of torch's result, a share equal, in integers but for ``islands`` nodes."""
    with torch.no_grad():
        expected = module(x)
    converted = nnapi_core.convert(module, (x,), fallback="error")
    found = converted.report.float_islands()
    assert len(found) <= islands, [(row.name, row.reason) for row in found]
    step = float(expected.unique().diff().min())
    off = (converted(x) - expected).abs() / step
    assert float(off.max()) <= steps + 0.01
    assert float((off < 0.5).float().mean()) >= equal


def test_eager(engine: str) -> None:
    check(eager(engine), X, steps=2)


def test_torchscript(engine: str, tmp_path: Path) -> None:
    """Traced and scripted, in memory and from a file: the packed weights are read, not the floats that were."""
    module = eager(engine)
    check(torch.jit.script(module), X, steps=2)
    path = str(tmp_path / "traced.pt")
    torch.jit.trace(module, X).save(path)
    with torch.no_grad():
        expected = module(X)
    converted = nnapi_core.convert(export(load_torchscript(path), (X,)), (X,), fallback="error")
    assert converted.report.float_islands() == []
    step = float(expected.unique().diff().min())
    assert float((converted(X) - expected).abs().max()) <= 2.01 * step


def test_other_weights_make_another_model(engine: str) -> None:
    one, other = eager(engine), eager(engine)
    numbers = torch.linspace(-0.2, 0.2, 64).reshape(4, 16)
    weight = torch.quantize_per_tensor(numbers, 0.002, 0, torch.qint8)
    other.linear.set_weight_bias(weight, torch.linspace(-0.05, 0.05, 4))
    check(other, X, steps=2)
    with torch.no_grad():
        assert not torch.equal(one(X), other(X))


class Residual(nn.Module):
    """What FX finds in a usual network: functions, methods, in-place calls, numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.relu, self.second = nn.ReLU(inplace=True), nn.Conv2d(8, 8, 3, padding=1)
        self.line, self.pool = nn.Conv1d(8, 4, 3, stride=2), nn.AdaptiveAvgPool2d(1)
        self.dropout, self.linear = nn.Dropout(0.5), nn.Linear(8, 6)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.norm(self.first(x)))
        y = y + self.second(y)
        y = y * torch.sigmoid(y)
        y = torch.cat([y, y + 1.0], 1)[:, :8] * 2.0
        z = self.line(y.flatten(2)).mean((1, 2))
        return self.linear(self.dropout(self.pool(y).flatten(1))) + z[:, None]


class WithConstants(nn.Module):
    """Parameters of no layer: FX quantises them as it does what is computed."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.factor = nn.Parameter(torch.rand(1, 4, 1, 1) + 0.5)
        self.shift = nn.Parameter(torch.randn(4, 1, 1))
        self.border = nn.Parameter(torch.randn(1, 2, 6, 6))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.conv(x) * self.factor + self.shift)
        return torch.cat([y, self.border], 1)


def test_quantised_constants(engine: str) -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 3, 8, 8)
    check(by_fx(WithConstants(), engine, x), x, steps=2, equal=0.9)


def test_fx(engine: str) -> None:
    torch.manual_seed(0)
    check(by_fx(Residual(), engine, X), X, steps=3)


torch.manual_seed(0)
LAYERS: dict[str, tuple[nn.Module, tuple[int, ...], int]] = {
    "conv2d": (nn.Conv2d(3, 8, 3, 2, 1), (2, 3, 8, 8), 0),
    "grouped": (nn.Conv2d(4, 8, 3, groups=2), (2, 4, 9, 9), 0),
    "dilated": (nn.Conv2d(3, 8, 3, dilation=2), (2, 3, 9, 9), 0),
    "conv1d": (nn.Conv1d(4, 8, 3, stride=2, padding=1, dilation=2), (2, 4, 30), 0),
    "linear": (nn.Linear(64, 20), (30, 64), 0),
    "relu6": (nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU6()), (2, 3, 8, 8), 0),
    "leaky_relu": (nn.Sequential(nn.Conv2d(3, 8, 3), nn.LeakyReLU(0.1)), (2, 3, 8, 8), 0),
    "average": (nn.Sequential(nn.Conv2d(3, 8, 3), nn.AvgPool2d(3, 2, 1)), (2, 3, 8, 8), 0),
    "sigmoid": (nn.Sequential(nn.Linear(8, 9), nn.Sigmoid()), (40, 8), 0),
    "tanh": (nn.Sequential(nn.Linear(8, 9), nn.Tanh()), (40, 8), 0),
    "softmax": (nn.Sequential(nn.Linear(8, 9), nn.Softmax(1)), (40, 8), 0),
    "hardswish": (nn.Sequential(nn.Linear(8, 9), nn.Hardswish()), (40, 8), 1),
    "hardsigmoid": (nn.Sequential(nn.Linear(8, 9), nn.Hardsigmoid()), (40, 8), 1),
    "elu": (nn.Sequential(nn.Linear(8, 9), nn.ELU()), (40, 8), 1),
    "layer_norm": (nn.Sequential(nn.Linear(8, 9), nn.LayerNorm(9)), (40, 8), 1),
    "batch_norm": (
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.BatchNorm2d(8)),
        (2, 3, 8, 8),
        1,
    ),
}


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_layers(name: str, engine: str) -> None:
    layer, shape, islands = copy.deepcopy(LAYERS[name])
    if (name, engine) == ("relu6", "qnnpack"):
        pytest.skip(
            "torch's own relu6 of channels-last tensors puts them in disorder under qnnpack"
        )
    x = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    # A step of one layer is several of the next where its scale is finer (tanh: up to four).
    steps = 4 if isinstance(layer, nn.Sequential) else 1
    check(by_fx(layer, engine, x), x, steps=steps, equal=0.95, islands=islands)


def test_refusals(engine: str) -> None:
    """Dynamic quantisation, integers at the model's ends, and what torch computes otherwise than it says."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dynamic = quantization.quantize_dynamic(nn.Sequential(nn.Linear(8, 4)).eval())
    with pytest.raises(nnapi_core.ConversionError, match=f"(?s)dynamic.*{RECIPE}"):
        nnapi_core.convert(dynamic, (torch.randn(2, 8),))
    module = eager(engine)
    module.dequant = nn.Identity()
    with pytest.raises(nnapi_core.ConversionError, match="DeQuantStub"):
        nnapi_core.convert(module, (X,))
    with pytest.raises(nnapi_core.ConversionError, match="QuantStub"):
        nnapi_core.convert(eager(engine), (torch.quantize_per_tensor(X, 0.1, 0, torch.quint8),))
    prelu = by_fx(nn.Sequential(nn.Conv2d(3, 8, 3), nn.PReLU(8)), engine, X)
    with pytest.raises(nnapi_core.ConversionError, match="quantised"):
        nnapi_core.convert(prelu, (X,))


def test_integer_borders(engine: str) -> None:
    module = eager(engine)
    converted = nnapi_core.convert(module, (X,), quantized_io=True, fallback="error")
    (stage,) = converted.contents.manifest["stages"]
    ins, outs = stage["inputs"][0], stage["outputs"][0]
    given = torch.quantize_per_tensor(X, ins["scale"], ins["zero_point"], torch.quint8)
    result = (converted(given.int_repr()).float() - outs["zero_point"]) * outs["scale"]
    with torch.no_grad():
        assert float((result - module(X)).abs().max()) <= 2.01 * outs["scale"]
