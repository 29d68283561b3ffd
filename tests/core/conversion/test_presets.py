"""What is converted and quantised for a kind of device is what such a device takes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import nnapi_core
from nnapi_core.conversion.presets import PRESETS

DOCS = Path(nnapi_core.__file__).parents[1] / "docs"


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.AvgPool2d(3),
            nn.Flatten(),
            nn.Linear(8, 5),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.layers(x), 1)


@pytest.mark.parametrize("name", PRESETS)
def test_a_network_for_each_target(name: str) -> None:
    target, x = nnapi_core.preset(name), torch.randn(1, 3, 8, 8)
    converted = nnapi_core.convert(Net().eval(), (x,), **target.convert_options())
    assert converted.report.feature_level <= target.feature_level
    assert not converted.report.refused()
    program = nnapi_core.quantize(Net().eval(), [(x,)], **target.quantize_options())
    # QUANTIZE came with level 29: before, integers are given.
    quantised = nnapi_core.convert(
        program, (x,), quantized_io=target.feature_level < 29, **target.convert_options()
    )
    assert quantised.report.feature_level <= target.feature_level
    assert not quantised.report.refused()
    assert not quantised.report.float_islands()
    types = {
        operand.type.code.name
        for piece in quantised.background.partition.pieces
        if piece.lowered is not None
        for operand in piece.lowered.model.operands
    }
    is_signed = (target.quantized_level or target.feature_level) >= 30
    assert ("TENSOR_QUANT8_ASYMM_SIGNED" in types) == is_signed
    assert ("TENSOR_QUANT8_SYMM_PER_CHANNEL" in types) == target.per_channel


def test_an_unknown_target_lists_all() -> None:
    with pytest.raises(nnapi_core.ConversionError, match=r"android10.*verisilicon-nn-sl"):
        nnapi_core.preset("npu")


@pytest.mark.parametrize("name", ["verisilicon-nn-sl", "onert-nnapi", "nnapi-reference"])
def test_profiles_are_had_by_name(name: str) -> None:
    assert nnapi_core.DeviceProfile.read(name).name == name
    with pytest.raises(nnapi_core.ConversionError, match="there is no such file"):
        nnapi_core.DeviceProfile.read(f"./{name}")


def test_the_page_names_all() -> None:
    text = (DOCS / "targets.md").read_text("utf-8")
    assert all(f"`{name}`" in text for name in PRESETS)
