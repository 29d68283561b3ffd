"""Weights of int8 and activations in floats: a file holds the integers, and what runs computes with their numbers."""

from __future__ import annotations

import copy
import itertools
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import nnapi_core
from nnapi_core.errors import ConversionError
from nnapi_core.nnapi.types import OperandCode
from nnapi_core.quantisation.weight_only import WeightOnlyLinear, quantize_weights
from tests.core.artifact.every_form import check_everywhere

few = settings(max_examples=max(settings().max_examples // 2, 4))


def close(actual: torch.Tensor, expected: torch.Tensor) -> None:
    """Sums of at most a hundred products of numbers near 1, in another order."""
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-4)


@few
@given(
    st.lists(st.integers(1, 40), min_size=2, max_size=4),
    st.lists(st.integers(1, 4), min_size=0, max_size=2),
    st.booleans(),
    st.sampled_from([27, 28, 29, 30, 1000006]),
    st.integers(0, 2**16),
)
def test_every_form_computes_with_the_rounded_weights(
    widths: list[int], batch: list[int], bias: bool, level: int, seed: int
) -> None:
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for inner, outer in itertools.pairwise(widths):
        layers += [nn.Linear(inner, outer, bias=bias), nn.ReLU()]
    module = nn.Sequential(*layers).eval()
    rounded = quantize_weights(module)
    calls = [(torch.randn(*batch, widths[0]),) for _ in range(2)]
    converted = nnapi_core.convert(rounded, calls[0], feature_level=level)
    linear = len(widths) - 1
    said = converted.report.operations
    assert said["DEQUANTIZE"] == said["FULLY_CONNECTED"] == linear
    assert said.get("MUL", 0) == (linear if level < 29 else 0)
    check_everywhere(converted, rounded, calls, close)


@given(st.integers(1, 30), st.integers(0, 30), st.integers(-20, 20), st.integers(0, 2**16))
def test_a_weight_is_rounded_to_the_nearest_step(
    outer: int, inner: int, power: int, seed: int
) -> None:
    torch.manual_seed(seed)
    layer = nn.Linear(inner, outer) if inner else nn.Linear(1, outer)
    with torch.no_grad():
        layer.weight *= 2.0**power
        layer.weight[0] = 0
    made = quantize_weights(layer)
    assert isinstance(made, WeightOnlyLinear)
    steps = layer.weight.detach().abs().amax(1, keepdim=True) / 127
    away = (made.weight - layer.weight).abs()
    assert bool((away <= steps * 0.5001).all())
    assert made.weight_integers.dtype is torch.int8
    assert made.weight_integers.abs().max() <= 127
    assert not made.weight[0].any()
    assert made.bias is layer.bias


def test_a_file_is_about_a_quarter(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 512)).eval()
    x = torch.randn(1, 512)
    sizes = {}
    for name, one in (("float", module), ("integers", quantize_weights(module))):
        converted = nnapi_core.convert(one, (x,))
        for form in ("nnapi", "pt"):
            converted.save(tmp_path / f"{name}.{form}")
            sizes[name, form] = (tmp_path / f"{name}.{form}").stat().st_size
    assert sizes["integers", "nnapi"] < 0.27 * sizes["float", "nnapi"]
    # Stock PyTorch's format has bytes, beside the integers that torch reads.
    assert sizes["integers", "pt"] < 0.53 * sizes["float", "pt"]
    (model,) = (one.model for one in converted.contents.lowered.values())
    codes = [operand.type.code for operand in model.operands if len(operand.type.dims) == 2]
    assert codes.count(OperandCode.TENSOR_QUANT8_SYMM_PER_CHANNEL) == 2


def test_the_module_stays_and_shares_what_is_no_weight() -> None:
    module = nn.Sequential(nn.Linear(4, 4), nn.Conv1d(3, 3, 1), nn.Linear(4, 2)).eval()
    module[2].weight = nn.Parameter(module[0].weight[:2].clone())
    twice = nn.Sequential(module[0], module, nn.Linear(2, 2)).eval()
    before = copy.deepcopy(twice.state_dict())
    made = quantize_weights(twice)
    assert list(before) == list(twice.state_dict())
    assert all(torch.equal(before[name], one) for name, one in twice.state_dict().items())
    assert made[0] is made[1][0]
    assert made[1][1].weight is module[1].weight
    assert made[1][2].bias is module[2].bias
    assert not made.training
    tied = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    tied[1].weight = tied[0].weight
    made = quantize_weights(tied)
    assert made[0].weight_integers is made[1].weight_integers
    copied = copy.deepcopy(made)
    x = torch.randn(2, 4)
    assert torch.equal(copied(x), made(x))


def test_attention_reads_the_weight_of_its_layer() -> None:
    torch.manual_seed(0)
    module = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True).eval()
    rounded = quantize_weights(module)
    x = torch.randn(2, 5, 16)
    converted = nnapi_core.convert(rounded, (x,))
    assert converted.report.operations["DEQUANTIZE"] == 3
    close(converted(x), rounded(x))
    assert (module(x) - rounded(x)).abs().max() < 0.1


class Decoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.shared, self.out = nn.Linear(64, 64), nn.Linear(64, 64)
        self.register_buffer("rows", torch.zeros(4, 64))

    def prefill(self, x: torch.Tensor) -> torch.Tensor:
        self.rows.copy_(self.shared(x))
        return self.out(self.rows)

    def step(self, x: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        self.rows.index_copy_(0, place, self.shared(x))
        return self.out(self.rows.mean(0, keepdim=True))


def test_methods_share_the_integers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    rounded = quantize_weights(Decoder().eval())
    assert isinstance(rounded, Decoder)
    x, y, place = torch.randn(4, 64), torch.randn(1, 64), torch.tensor([2])
    converted = nnapi_core.convert_methods(
        {"prefill": (rounded.prefill, (x,)), "step": (rounded.step, (y, place))}
    )
    converted.save(tmp_path / "m.nnapi")
    assert (tmp_path / "m.nnapi").stat().st_size < 2 * 64 * 64 + 25_000
    close(converted.prefill(x), rounded.prefill(x))
    close(converted.step(y, place), rounded.step(y, place))


def test_programs_that_others_made_are_read_alike() -> None:
    """torch's own operator says it, whoever wrote it."""
    torch.manual_seed(0)
    rounded = quantize_weights(nn.Linear(8, 8).eval())
    x = torch.randn(2, 8)
    program = torch.export.export(rounded, (x,))
    converted = nnapi_core.convert(program, (x,))
    assert converted.report.operations == {"DEQUANTIZE": 1, "FULLY_CONNECTED": 1}
    close(converted(x), rounded(x))


def test_what_cannot_be_rounded_is_refused() -> None:
    for model, why in (
        (nn.Conv2d(3, 3, 3), "has no nn.Linear"),
        (torch.export.export(nn.Linear(2, 2), (torch.ones(1, 2),)), "give the nn.Module"),
        (
            nn.Sequential(nn.Linear(2, 2, dtype=torch.bfloat16)),
            "the weight of '0' is torch.bfloat16",
        ),
        (lambda x: x, "is a function"),
    ):
        with pytest.raises(ConversionError, match=why):
            quantize_weights(model)  # type: ignore[arg-type]
    broken = nn.Linear(2, 2)
    with torch.no_grad():
        broken.weight[0, 0] = float("nan")
    with pytest.raises(ConversionError, match="not finite"):
        quantize_weights(broken)
