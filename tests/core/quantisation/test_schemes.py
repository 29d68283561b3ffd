"""Ways to quantise by names: each makes the types that it says, and every target has one."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import nnapi_core
from nnapi_core.conversion.presets import PRESETS
from nnapi_core.nnapi.types import ChannelQuant, OperandCode
from nnapi_core.quantisation import SCHEMES, scheme_of

pytest.importorskip("torchao", reason="quantisation needs the extra `quant`")


@pytest.mark.parametrize("name", SCHEMES)
def test_types_are_as_said(name: str) -> None:
    scheme = scheme_of(name)
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval()
    x = torch.randn(1, 3, 6, 6)
    program = nnapi_core.quantize(module, [(x,)], **scheme.quantize_options())
    converted = nnapi_core.convert(
        program, (x,), feature_level=30, fallback="error", **scheme.convert_options()
    )
    (lowered,) = converted.contents.lowered.values()
    types = [operand.type for operand in lowered.model.operands]
    codes = {one.code for one in types}
    signed = OperandCode.TENSOR_QUANT8_ASYMM_SIGNED in codes
    assert signed == name.startswith("int8")
    assert signed != (OperandCode.TENSOR_QUANT8_ASYMM in codes)
    assert any(isinstance(one.quant, ChannelQuant) for one in types) == ("per-channel" in name)
    assert (OperandCode.TENSOR_FLOAT32 in codes) == (not name.endswith("-full"))


@pytest.mark.parametrize("name", PRESETS)
def test_every_target_has_a_scheme(name: str) -> None:
    """Which never asks for what its level has not got."""
    target = PRESETS[name]
    options = target.quantize_options()
    level = target.quantized_level or target.feature_level
    assert options["feature_level"] <= target.feature_level
    assert (options["feature_level"] >= 30) == (level >= 30)
    assert options["per_channel"] == target.per_channel
    assert target.scheme.per_channel == target.per_channel
    assert not target.scheme.full


def test_what_a_level_has_not_got_is_refused() -> None:
    with pytest.raises(nnapi_core.ConversionError, match="no scheme 'uint4'; there are uint8-per"):
        scheme_of("uint4")
    for name, level in (("int8-per-tensor", 29), ("uint8-per-channel", 28)):
        with pytest.raises(nnapi_core.ConversionError, match=f"{name} needs feature level"):
            SCHEMES[name].at_level(level)
    assert SCHEMES["uint8-per-tensor"].at_level(27)["feature_level"] == 27
    assert SCHEMES["uint8-per-tensor"].at_level(31)["feature_level"] == 29
    assert SCHEMES["int8-per-channel"].at_level(1000006)["feature_level"] == 1000006
