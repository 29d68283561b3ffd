"""Biases that make the means of channels what they are in floats, while the module stays what it was."""

from __future__ import annotations

import copy

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import nn

import nnapi_core
from nnapi_core.graph.calibration_record import CalibrationRecord

pytest.importorskip("torchao", reason="quantisation needs the extra `quant`")


class Wide(nn.Module):
    """Channels of very different sizes under one scale; the last result is not clamped."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.first, self.norm = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)
        self.line, self.up = nn.Conv1d(8, 6, 3), nn.ConvTranspose1d(6, 6, 2)
        self.last = nn.Linear(6, 4)
        with torch.no_grad():
            for layer in (self.first, self.line):
                layer.weight *= 10.0 ** torch.linspace(-2, 0, len(layer.weight)).reshape(
                    -1, *[1] * (layer.weight.dim() - 1)
                )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(self.first(x)).relu().flatten(2)
        y = self.up(self.line(y).relu())
        result: torch.Tensor = self.last(y.transpose(1, 2))
        return result


def means(model: nn.Module, batches: list[tuple[torch.Tensor]]) -> torch.Tensor:
    with torch.no_grad():
        return torch.cat([model(*one) for one in batches]).double().mean((0, 1))


@settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 1000), sizes=st.lists(st.integers(1, 3), min_size=1, max_size=4))
def test_means_are_those_of_floats(seed: int, sizes: list[int]) -> None:
    module = Wide(seed).eval()
    before = copy.deepcopy(module.state_dict())
    generator = torch.Generator().manual_seed(seed)
    batches = [(torch.rand(4, 3, 8, 8, generator=generator) + size,) for size in sizes]
    options = {"per_channel": False, "feature_level": 29}
    plain = nnapi_core.quantize(module, batches, **options)  # type: ignore[arg-type]
    corrected = nnapi_core.quantize(
        module,
        batches,
        bias_correction=True,
        **options,  # type: ignore[arg-type]
    )
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    wanted = means(module, batches)
    record = CalibrationRecord.of(corrected)
    assert record is not None
    # The last rounding is after the last bias; and the bias that is added has 32 bits.
    (step,) = (one for one in record.tensors if "linear" in one.tensors)
    scale = (step.high - step.low) / 255
    away = (means(corrected.module(), batches) - wanted).abs()
    assert float(away.max()) <= scale / 2
    assert float(away.sum()) <= float((means(plain.module(), batches) - wanted).abs().sum()) + scale


def test_layers_without_a_bias_and_shared_ones_stay() -> None:
    torch.manual_seed(0)
    shared = nn.Parameter(torch.randn(3))

    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(3, 3, bias=False), nn.Linear(3, 3)
            self.shared = shared

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = nn.functional.linear(self.a(x), self.b.weight, self.shared)
            return nn.functional.linear(y, self.b.weight, self.shared)

    x = torch.randn(6, 3)
    plain = nnapi_core.quantize(Shared().eval(), [(x,)])
    corrected = nnapi_core.quantize(Shared().eval(), [(x,)], bias_correction=True)
    assert CalibrationRecord.of(plain) is not None and CalibrationRecord.of(corrected) is not None
    converted = nnapi_core.convert(corrected, (x,), fallback="error")
    torch.testing.assert_close(converted(x), corrected.module()(x), atol=0.05, rtol=0.05)
