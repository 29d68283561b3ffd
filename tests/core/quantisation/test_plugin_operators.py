"""What plugins tell the quantiser of their operators: each kind of range, in the graph and converted."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import nnapi_core
from nnapi_core.errors import ConversionError
from nnapi_core.plugin import (
    Context,
    FixedRange,
    Layout,
    QuantisedOperator,
    ResultRange,
    Value,
    lowering,
    ops,
)
from nnapi_core.plugins.registry import Registry
from tests.plugins.failing_plugins import plugin


@torch.library.custom_op("nnapi_test::pair", mutates_args=())
def pair(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.maximum(a, b)


@pair.register_fake
def _(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(a)


overload = torch.ops.nnapi_test.pair.default


@lowering(overload, layout=Layout.SAME)
def lower_pair(nn: Context, a: Value, b: Value) -> Value:
    """pair(Tensor a, Tensor b) -> Tensor"""
    return nn.emit(ops.MAXIMUM, a=a, b=b, out=nn.out)


RECORD = lower_pair.__nnapi_lowering__  # type: ignore[attr-defined]


def registry(*told: QuantisedOperator) -> Registry:
    module = plugin("nnapi_lowerings", lambda: [RECORD])
    other = plugin("nnapi_quantised_operators", lambda: list(told))
    other.__name__ = "acme.quantised"
    return Registry.collect(extra=[module, other])


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(6, 5), nn.Linear(6, 5), nn.Linear(5, 3)
        with torch.no_grad():
            self.second.weight *= 4

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.last(overload(self.first(x), self.second(x)))
        return result


def scales(program: torch.export.ExportedProgram) -> list[Any]:
    """(scale, zero point) of both operands and of the result; None for floats."""
    (call,) = program.graph.find_nodes(op="call_function", target=overload)
    found = []
    for node in (*call.args, next(iter(call.users))):
        is_rounded = "quantize_per" in str(node.target)
        found.append(tuple(node.args[1:3]) if is_rounded else None)
    return found


@settings(max_examples=4)
@given(st.integers(0, 100), st.sampled_from([29, 30]))
def test_each_kind_of_range(seed: int, level: int) -> None:
    torch.manual_seed(seed)
    module, x = Model().eval(), torch.randn(8, 6)
    zero = 128 if level == 29 else 0
    for result in (*ResultRange, FixedRange(0.25, 128)):
        told = registry(QuantisedOperator((overload,), result))
        program = nnapi_core.quantize(module, [(x,)], feature_level=level, registry=told)
        a, b, made = scales(program)
        assert None not in (a, b, made)
        match result:
            case ResultRange.OWN:
                assert len({a, b, made}) == 3
            case ResultRange.SAME:
                assert made == a != b
            case ResultRange.JOINED:
                assert a == b == made
            case FixedRange():
                assert made == (0.25, zero) and a != b
        if result is not ResultRange.JOINED:
            # MAXIMUM of other scales is no operation of NNAPI's, which the lowering does not hide.
            continue
        converted = nnapi_core.convert(program, (x,), feature_level=level, registry=told)
        assert converted.report.share == 1 and not converted.report.float_islands()


class Bare(nn.Module):
    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = overload(a, b)
        return result


def bare_scales(*told: QuantisedOperator) -> list[Any]:
    args = (torch.randn(8, 6), torch.randn(8, 6))
    program = nnapi_core.quantize(Bare(), [args], feature_level=29, registry=registry(*told))
    return scales(program)


def test_not_told_or_below_its_level_it_stays_in_floats() -> None:
    joined = QuantisedOperator((overload,), ResultRange.JOINED)
    assert None not in bare_scales(joined)
    later = QuantisedOperator((overload,), ResultRange.JOINED, least_level=30)
    for told in ([], [later]):
        with pytest.raises(ConversionError, match="nothing in this module can be quantised"):
            bare_scales(*told)


def test_arguments_that_are_named_alone() -> None:
    a, b, made = bare_scales(QuantisedOperator((overload,), ResultRange.SAME, tensors=("b",)))
    assert a is None and made == b is not None


def test_prepare_qat_is_told() -> None:
    module, x = Model(), torch.randn(8, 6)
    told = registry(QuantisedOperator((overload,), ResultRange.JOINED))
    prepared = nnapi_core.prepare_qat(module, (x,), registry=told)
    prepared(x)
    a, b, made = scales(nnapi_core.finish_qat(prepared, (x,)))
    assert a == b == made is not None


@pytest.mark.parametrize("result", list(ResultRange))
def test_calls_that_are_left_in_floats(result: ResultRange) -> None:
    args = (torch.randn(8, 6), torch.randn(8, 6))
    told = registry(QuantisedOperator((overload,), result))
    with pytest.raises(ConversionError, match="nothing in this module can be quantised"):
        nnapi_core.quantize(Bare(), [args], registry=told, float_nodes=["pair"])
