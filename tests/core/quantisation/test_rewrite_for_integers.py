"""Operators that are spelt in others to be computed in integers: none in floats, each within a step of PT2E's."""

from __future__ import annotations

from collections.abc import Callable

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings
from torch import nn

import nnapi_core

pytest.importorskip("torchao", reason="quantisation needs the extra `quant`")

from nnapi_core.testing.rounded_layers import compare_layers
from tests.core.quantisation.test_quantised_graphs import settled, snr

# Of a result with eight channels.
FUNCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "silu": F.silu,
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "neg": torch.neg,
    "abs": torch.abs,
    "half": lambda y: y / 2,
    "negative third": lambda y: y / -3.0,
    "stack": lambda y: torch.stack([y, y * 2], 1).flatten(1, 2),
    "stack last": lambda y: torch.stack([y, y * 2], -1).flatten(3),
    "unbind": lambda y: y.unbind(1)[0] + y.unbind(1)[-1],
    "chunk": lambda y: torch.mul(*y.chunk(2, 1)),
    "uneven chunk": lambda y: torch.cat(y.chunk(3, 1)[::-1], 1),
    "split": lambda y: torch.cat(y.split([3, 5], 1)[::-1], 1),
    "split by size": lambda y: y.split(3, 1)[2] + 1,
    "glu": lambda y: F.glu(y, 1),
    "clamp": lambda y: F.silu(y).clamp(-0.2, 0.5),
}
# What has integers from level 29 on: a clamp by itself, products of computed matrices.
SINCE_29: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "clamp of joined": lambda y: torch.cat([y, y * 2], 1).clamp(-0.5, 0.5),
    "matmul": lambda y: y @ y.mT,
    "attention": lambda y: F.scaled_dot_product_attention(y, y * 0.5, y + 1),
    "attention of scale 1": lambda y: F.scaled_dot_product_attention(y, y, y, scale=1.0),
    "einsum": lambda y: torch.einsum("bchw,bcvw->bchv", y, y),
}
# One call each, for which uint8 indexes a table.
TABLES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "gelu": F.gelu,
    "elu": F.elu,
    "mish": F.mish,
    "softplus": F.softplus,
    "sqrt": lambda y: y.relu().sqrt(),
    "rsqrt": lambda y: (y.relu() + 1).rsqrt(),
    "exp": torch.exp,
}
# In floats between two casts; with what the reason names.
CORES: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], str]] = {
    "layer norm": (lambda y: F.layer_norm(y, y.shape[1:]), "batch norm"),
    "group norm": (lambda y: F.group_norm(y, 2), "batch norm"),
    "instance norm": (F.instance_norm, "batch norm"),
    "causal attention": (
        lambda y: F.scaled_dot_product_attention(y, y, y, is_causal=True),
        "mask",
    ),
}


class Spelt(nn.Module):
    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor], seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.conv, self.function = nn.Conv2d(3, 8, 3, padding=1), function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(self.conv(x))


class AfterConcatenation(nn.Module):
    """As DenseNet has it: a batch norm of what several layers gave, and a clamp."""

    def __init__(self, seed: int, clamp: bool, line: bool) -> None:
        super().__init__()
        torch.manual_seed(seed)
        conv, norm = (nn.Conv1d, nn.BatchNorm1d) if line else (nn.Conv2d, nn.BatchNorm2d)
        self.conv, self.norm = conv(3, 8, 3, padding=1), norm(11, eps=1e-3)
        self.clamp = clamp

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(torch.cat([F.relu(self.conv(x)), x], 1))
        return F.relu(y) if self.clamp else y


def check(module: nn.Module, shape: tuple[int, ...], seed: int, level: int) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    program = nnapi_core.quantize(module, [(x,)], feature_level=level)
    with torch.no_grad():
        assert snr(program.module()(x), module(x)) > 28
    converted = nnapi_core.convert(
        program, (x,), feature_level=level, fallback="error", quantized_io=level < 29
    )
    assert converted.report.float_islands() == []
    if level >= 29:
        for layer in compare_layers(program, (x,), feature_level=level):
            assert layer.worst <= 1, f"{layer.name}: {layer.worst} steps"


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
@settings(max_examples=2)
@given(seed=st.integers(0, 1000), level=st.sampled_from([28, 29, 30]))
def test_no_floats_in_between(name: str, seed: int, level: int) -> None:
    check(Spelt(FUNCTIONS[name], seed).eval(), (2, 3, 6, 6), seed, level)


@pytest.mark.parametrize("name", sorted(SINCE_29))
@settings(max_examples=2)
@given(seed=st.integers(0, 1000), level=st.sampled_from([29, 30, 1000006]))
def test_no_floats_from_29_on(name: str, seed: int, level: int) -> None:
    check(Spelt(SINCE_29[name], seed).eval(), (2, 3, 6, 6), seed, level)


@pytest.mark.parametrize("name", sorted(TABLES))
@settings(max_examples=2)
@given(seed=st.integers(0, 1000))
def test_functions_in_tables(name: str, seed: int) -> None:
    check(Spelt(TABLES[name], seed).eval(), (2, 3, 6, 6), seed, 29)


@pytest.mark.parametrize("name", sorted(CORES))
@settings(max_examples=2)
@given(seed=st.integers(0, 1000), level=st.sampled_from([29, 30]))
def test_float_cores_cost_two_casts(name: str, seed: int, level: int) -> None:
    function, said = CORES[name]
    module = Spelt(lambda y: function(y) * 0.5, seed).eval()
    x = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    program = nnapi_core.quantize(module, [(x,)], feature_level=level)
    converted = nnapi_core.convert(program, (x,), feature_level=level, fallback="error")
    (row,) = (one for one in converted.report.float_islands() if "quantize" not in one.target)
    assert said in row.reason
    # One pair of casts is the border's.
    operations = converted.report.operations
    assert operations["QUANTIZE"] == 2 and operations["DEQUANTIZE"] == 2
    for layer in compare_layers(program, (x,), feature_level=level):
        assert layer.worst <= 1, f"{layer.name}: {layer.worst} steps"


@settings(max_examples=3)
@given(
    seed=st.integers(0, 1000),
    level=st.sampled_from([29, 30]),
    clamp=st.booleans(),
    line=st.booleans(),
)
def test_batch_norms_behind_no_layer(seed: int, level: int, clamp: bool, line: bool) -> None:
    module = settled(AfterConcatenation(seed, clamp, line), seed)
    check(module, (2, 3, 12) if line else (2, 3, 6, 6), seed, level)


def test_what_has_no_integers_keeps_its_name() -> None:
    """Whole numbers, divisors that are tensors or too small, other float types."""

    class Others(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)

        def forward(self, x: torch.Tensor, count: torch.Tensor) -> tuple[torch.Tensor, ...]:
            y = self.conv(x)
            halves = y.double()
            return y / count, -count, halves.abs() / 3, torch.stack([count, count]), y / 1e-39

    module, args = Others().eval(), (torch.ones(1, 3, 4, 4), torch.tensor([3, 4]))
    program = nnapi_core.quantize(module, [args])
    with torch.no_grad():
        made, expected = program.module()(*args), module(*args)
    assert snr(made[0], expected[0]) > 30 and torch.equal(made[1], expected[1])
    assert snr(made[2], expected[2]) > 30 and torch.equal(made[3], expected[3])


class VisionTransformer(nn.Module):
    """Patches, a class token, blocks of attention and GELU, norms first."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patch = nn.Conv2d(3, 24, 8, 8)
        self.token = nn.Parameter(torch.randn(1, 1, 24))
        self.place = nn.Parameter(torch.randn(1, 5, 24))
        self.block = nn.TransformerEncoderLayer(
            24, 3, 48, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.norm, self.head = nn.LayerNorm(24), nn.Linear(24, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.patch(x).flatten(2).transpose(1, 2)
        y = torch.cat([self.token.expand(y.shape[0], -1, -1), y], 1) + self.place
        result: torch.Tensor = self.head(self.norm(self.block(y))[:, 0])
        return result


@pytest.mark.parametrize("level, others", [(29, set()), (30, {"aten.gelu.default"})])
def test_of_a_transformer_norms_are_left(level: int, others: set[str]) -> None:
    module = VisionTransformer().eval()
    x = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        program = nnapi_core.quantize(module, [(x,)], feature_level=level)
        converted = nnapi_core.convert(program, (x,), feature_level=level, fallback="error")
        rows = [one for one in converted.report.float_islands() if "quantize" not in one.target]
        assert {one.target for one in rows} == {"aten.layer_norm.default", *others}
        assert snr(converted(x), module(x)) > 25
    for layer in compare_layers(program, (x,), feature_level=level):
        assert layer.share_within_one >= 0.995, f"{layer.name}: {layer.worst} steps"
