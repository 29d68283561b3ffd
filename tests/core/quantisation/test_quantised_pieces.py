"""Quantised graphs in pieces, where levels and drivers take some of them only: right, or refused."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings
from torch import nn

import nnapi_core
from nnapi_core.lowering.partition.group_nodes_into_pieces import IslandRule
from nnapi_core.nnapi.device_profile import DeviceProfile
from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode
from nnapi_core.verification.verify import verify

pytest.importorskip("torchao", reason="quantisation needs the extra `quant`")

from tests.core.quantisation.test_quantised_graphs import LEVELS, Drawn, batches, graphs, settled

CODES = frozenset(OperandCode)
FLOATS = {OperandCode.TENSOR_FLOAT32, OperandCode.TENSOR_FLOAT16}
UNSIGNED = CODES - FLOATS - {
    OperandCode.TENSOR_QUANT8_ASYMM_SIGNED, OperandCode.TENSOR_QUANT8_SYMM_PER_CHANNEL
}  # fmt: skip
PROFILES = {
    "all": CODES,
    "uint8": UNSIGNED,
    "uint8, and floats at the borders": UNSIGNED,
    "one scale": CODES - {OperandCode.TENSOR_QUANT8_SYMM_PER_CHANNEL},
    "no DEQUANTIZE": CODES,
    "no QUANTIZE": CODES,
    "neither": CODES,
}
LEFT_OUT = {"no DEQUANTIZE": {"DEQUANTIZE"}, "no QUANTIZE": {"QUANTIZE"}}
LEFT_OUT["neither"] = LEFT_OUT["no DEQUANTIZE"] | LEFT_OUT["no QUANTIZE"]


def profile(name: str, level: int, missing: frozenset[str] = frozenset()) -> DeviceProfile:
    left_out = missing | LEFT_OUT.get(name, set())
    taken = {spec.name: PROFILES[name] for spec in ops if spec.name not in left_out}
    if name == "uint8, and floats at the borders":
        taken |= dict.fromkeys(("QUANTIZE", "DEQUANTIZE"), CODES)
    return DeviceProfile(name, level, taken)


@settings(max_examples=settings().max_examples // 3)
@given(
    graph=graphs,
    seed=st.integers(0, 1000),
    level=st.sampled_from(LEVELS),
    name=st.sampled_from(sorted(PROFILES)),
    missing=st.frozensets(st.sampled_from(["LOGISTIC", "ADD", "CONCATENATION", "MAX_POOL_2D"])),
    smallest=st.integers(0, 3),
)
def test_pieces_of_quantised_graphs(
    graph: Drawn, seed: int, level: int, name: str, missing: frozenset[str], smallest: int
) -> None:
    module, (args,) = settled(graph, seed), batches(seed, 1)
    try:
        program = nnapi_core.quantize(module, [args], feature_level=level)
    except nnapi_core.ConversionError as refused:
        if "nothing in this module can be quantised" not in str(refused):
            raise
        return
    converted = nnapi_core.convert(
        program,
        args,
        feature_level=level,
        device_profile=profile(name, level, missing),
        islands=IslandRule(min_island=smallest),
    )
    with torch.no_grad():
        expected = program.module()(*args)
    result = verify(converted, args, expected)
    assert result.passed, f"{result.culprit} {result.outputs}"


class Gated(nn.Module):
    """What NNAPI has at no level lies between what it has."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(4, 8, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.elu(self.conv(x))
        return y * F.hardsigmoid(F.adaptive_avg_pool2d(y, 1))


class SplitApart(nn.Module):
    """Results of one call are rounded for pieces that run at different times."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(4, 8, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, second = self.conv(x).split(4, 1)
        return torch.cat([torch.special.bessel_j0(F.relu(first)), F.max_pool2d(second, 3, 1, 1)], 1)


@pytest.mark.parametrize("module", [Gated(), SplitApart()], ids=["gated", "split"])
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", sorted(PROFILES))
def test_integers_between_floats(module: nn.Module, level: int, name: str) -> None:
    (args,) = batches(0, 1)
    program = nnapi_core.quantize(module.eval(), [args], feature_level=level)
    converted = nnapi_core.convert(
        program, args, feature_level=level, device_profile=profile(name, level)
    )
    with torch.no_grad():
        assert verify(converted, args, program.module()(*args)).passed
