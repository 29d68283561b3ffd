"""Lowerings and decompositions that fail: told, and never a wrong result."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch

from nnapi_core.conversion.convert import convert
from nnapi_core.errors import ConversionError, Unsupported
from nnapi_core.plugin import Context, Layout, Value, decomposition, lowering, ops
from nnapi_core.plugins.registry import Registry
from tests.plugins.failing_plugins import plugin, raises, refused

aten = torch.ops.aten


class I0(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.special.i0(x)


def splitting(function: Callable[..., Any]) -> ModuleType:
    record = decomposition(aten.special_i0.default)(function).__nnapi_decomposition__  # type: ignore[attr-defined]
    return plugin("nnapi_decompositions", lambda: [record])


@pytest.mark.parametrize(
    "function",
    [
        raises(ZeroDivisionError("oops")),
        lambda self: None,
        lambda self: self.new_zeros(7),
        lambda self: self.to(torch.float64),
        lambda self: (self, self),
        lambda self, other: self,
        lambda self: 5,
    ],
)
def test_a_decomposition_that_fails(function: Callable[..., Any]) -> None:
    refused(splitting(function), "decomposition", "special_i0", module=I0())


def test_a_decomposition_that_refuses_is_a_row_of_the_report() -> None:
    registry = Registry.collect(extra=[splitting(raises(Unsupported("not today")))])
    (row,) = convert(I0(), (torch.ones(3),), registry=registry).report.nodes
    assert (row.device, row.reason) == ("cpu", "not today")


def lowered(*functions: Callable[..., Any]) -> Registry:
    records = [one.__nnapi_lowering__ for one in functions]  # type: ignore[attr-defined]
    return Registry.collect(extra=[plugin("nnapi_lowerings", lambda: records)])


def i0(function: Callable[[Context, Value], Any], *, overrides: bool = False) -> Any:
    def lower(nn: Context, self: Value) -> Any:
        """special_i0(Tensor self) -> Tensor"""
        return function(nn, self)

    return lowering(aten.special_i0.default, layout=Layout.ANY, overrides=overrides)(lower)


def plainly(nn: Context, self: Value) -> Value:
    return nn.emit(ops.RELU, input=self)


@pytest.mark.parametrize(
    "function",
    [
        raises(ZeroDivisionError("oops")),
        lambda nn, self: None,
        lambda nn, self: (self, self),
        lambda nn, self: nn.constant([1.0]),
        lambda nn, self: nn.constant([1, 2, 3], torch.int32),
    ],
)
def test_an_override_that_fails_is_told(function: Any) -> None:
    registry = lowered(i0(function, overrides=True), i0(plainly))
    converted = convert(I0(), (torch.ones(3),), fallback="error", registry=registry)
    assert converted.report.operations == {"RELU": 1}
    (note,) = converted.report.notes
    assert "special_i0" in note
    assert "overriding lowering failed" in note


def test_an_override_that_refuses_is_no_failure() -> None:
    registry = lowered(i0(raises(Unsupported("not now")), overrides=True), i0(plainly))
    assert not convert(I0(), (torch.ones(3),), registry=registry).report.notes


@pytest.mark.parametrize("as_operand", [False, True])
def test_a_value_of_an_earlier_run_is_refused(as_operand: bool) -> None:
    kept: list[Value] = []

    def keeping(nn: Context, self: Value) -> Value:
        kept.append(nn.emit(ops.TANH, input=self))
        one = kept[0]
        return nn.emit(ops.RELU, input=one) if as_operand else one

    registry = lowered(i0(keeping))
    x = torch.ones(3)
    first = convert(I0(), (x,), registry=registry)
    assert torch.equal(first(x), torch.tanh(x))

    class Behind(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.special.i0(x + 5)

    with pytest.raises(Unsupported, match="of another model"):
        convert(Behind(), (x,), fallback="error", registry=registry)


def test_a_value_whose_emit_was_taken_back_is_refused() -> None:
    kept: list[Value] = []

    def refusing(nn: Context, self: Value) -> Value:
        kept.append(nn.emit(ops.TANH, input=self))
        raise Unsupported("not this way")

    def using(nn: Context, self: Value) -> Value:
        nn.emit(ops.RELU, input=self)
        return kept[-1]

    registry = lowered(i0(refusing, overrides=True), i0(using))
    with pytest.raises(Unsupported):
        convert(I0(), (torch.ones(3),), fallback="error", registry=registry)
    (row,) = convert(I0(), (torch.ones(3),), registry=registry).report.nodes
    assert row.device == "cpu"


def test_no_memory_is_no_refusal() -> None:
    registry = lowered(i0(raises(MemoryError())))
    with pytest.raises(ConversionError, match="no memory left") as raised:
        convert(I0(), (torch.ones(3),), registry=registry)
    assert not isinstance(raised.value, Unsupported)
