"""Hooks that fail: one `PluginError` that names plugin, hook and cause."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from attrs import evolve
from hypothesis import given, settings

from nnapi_core.conversion.convert import convert
from nnapi_core.errors import PluginError
from nnapi_core.plugin import (
    Context,
    FixedRange,
    Layout,
    Pass,
    Phase,
    QuantisedOperator,
    Value,
    decomposition,
    lowering,
    lowerings_of,
)
from nnapi_core.plugins.registry import Registry
from nnapi_core.testing import Case, check_lowering, tensors
from tests.plugins.failing_plugins import ERRORS, TwoSteps, passing, plugin, raises, refused

aten = torch.ops.aten
HOOKS = (
    "nnapi_lowerings",
    "nnapi_decompositions",
    "nnapi_passes",
    "nnapi_quantised_operators",
    "nnapi_report",
)


@pytest.mark.parametrize("error", ERRORS, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_that_raises(hook: str, error: BaseException) -> None:
    if hook == "nnapi_report":
        # pluggy reads its parameters.
        def report_hook(report: Any) -> None:
            raise error

        refused(plugin(hook, report_hook), hook, type(error).__name__, "oops")
        return
    refused(plugin(hook, lambda: raises(error)()), hook, type(error).__name__, "oops")


GIVEN: list[Any] = [None, 5, "text", b"bytes", {"a": 1}, [None], ["text"], [3, 4], print, [[]]]


@pytest.mark.parametrize("given_back", GIVEN, ids=repr)
@pytest.mark.parametrize("hook", HOOKS[:4])
def test_a_hook_that_returns_something_else(hook: str, given_back: Any) -> None:
    refused(plugin(hook, lambda: given_back), hook)


def test_an_iterator_that_fails_on_its_way() -> None:
    def hook() -> Any:
        yield Pass("fine", Phase.GRAPH, lambda program: None)
        raise ZeroDivisionError("oops")

    refused(plugin("nnapi_passes", hook), "nnapi_passes", "ZeroDivisionError: oops")


@pytest.mark.parametrize(
    "wrong",
    [
        Pass(5, Phase.GRAPH, print),  # type: ignore[arg-type]
        Pass("rewrite", "graph", print),  # type: ignore[arg-type]
        Pass("rewrite", Phase.GRAPH, None),  # type: ignore[arg-type]
        Pass("rewrite", Phase.GRAPH, print, rank="first"),  # type: ignore[arg-type]
    ],
    ids=lambda one: repr(one),
)
def test_a_pass_of_wrong_types(wrong: Pass) -> None:
    refused(plugin("nnapi_passes", lambda: [wrong]), "nnapi_passes")


@pytest.mark.parametrize("overload", [aten.special_i0, "aten::special_i0", None, 5], ids=repr)
def test_a_claim_on_no_overload(overload: Any) -> None:
    @lowering(overload, layout=Layout.ANY)
    def lower(nn: Context, self: Value) -> Value:
        """special_i0(Tensor self) -> Tensor"""
        return self

    packet = overload is aten.special_i0
    said = "torch.ops.aten.special_i0.default" if packet else "torch.ops.aten.NAME.default"
    record = lower.__nnapi_lowering__  # type: ignore[attr-defined]
    refused(plugin("nnapi_lowerings", lambda: [record]), said)
    split = decomposition(overload)(lambda x: x)
    record = split.__nnapi_decomposition__  # type: ignore[attr-defined]
    refused(plugin("nnapi_decompositions", lambda: [record]), said)
    told = QuantisedOperator((overload,))
    refused(plugin("nnapi_quantised_operators", lambda: [told]), said)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (QuantisedOperator((aten.erf.default,), "own"), "result='own'"),  # type: ignore[arg-type]
        (QuantisedOperator((aten.erf.default,), FixedRange(0.0, 0)), "scale above 0"),
        (QuantisedOperator((aten.erf.default,), FixedRange(0.1, 300)), "zero point in uint8"),
        (QuantisedOperator((aten.erf.default,), tensors=("x",)), "no argument 'x'; it has self"),
    ],
)
def test_a_quantised_operator_of_wrong_fields(told: QuantisedOperator, said: str) -> None:
    refused(plugin("nnapi_quantised_operators", lambda: [told]), said)


def test_the_quantiser_is_told_once() -> None:
    told = [QuantisedOperator((aten.erf.default,)), QuantisedOperator((aten.erf.default,))]
    refused(plugin("nnapi_quantised_operators", lambda: told), "aten.erf.default twice")


FORGOTTEN = """
import torch
from nnapi_core.plugin import Layout, decomposition, hookimpl, lowering, lowerings_of

@lowering(torch.ops.aten.special_i0.default, layout=Layout.ANY)
def lower(nn, self):
    \"\"\"special_i0(Tensor self) -> Tensor\"\"\"
    return self
"""


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", "has no nnapi_lowerings"),
        ("def nnapi_lowerings(): return lowerings_of(__name__)", "not marked with @hookimpl"),
        ("@hookimpl\ndef nnapi_passes(): return []", "has no nnapi_lowerings"),
        ("@hookimpl\ndef nnapi_lowerings(): return []", ""),
        ("@hookimpl\ndef nnapi_lowerings(): return lowerings_of(__name__)", ""),
        (
            "@decomposition(torch.ops.aten.special_i1.default)\ndef split(x): return x\n"
            "@hookimpl\ndef nnapi_lowerings(): return []",
            "has no nnapi_decompositions",
        ),
    ],
)
def test_a_forgotten_hook(more: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("acme_forgets")
    monkeypatch.setitem(sys.modules, "acme_forgets", module)
    exec(FORGOTTEN + more, module.__dict__)
    if said:
        refused(module, "split" if "decomp" in said else "lower", said)
        return
    Registry.collect(extra=[module])


def test_what_another_module_gives_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("acme_forgets")
    monkeypatch.setitem(sys.modules, "acme_forgets", module)
    exec(FORGOTTEN, module.__dict__)
    gives = plugin("nnapi_lowerings", lambda: lowerings_of("acme_forgets"))
    assert aten.special_i0.default in Registry.collect(extra=[module, gives]).lowerings


@pytest.mark.parametrize("error", [True, False])
def test_hypothesis_does_not_search_for_an_example_of_a_plugins_fault(error: bool) -> None:
    calls = []

    def rewrite(program: Any) -> None:
        calls.append(program)
        if error:
            raise ZeroDivisionError("oops")

    registry = Registry.collect(extra=[passing(Phase.GRAPH, rewrite)])

    @settings(max_examples=5, database=None)
    @given(tensors())
    def test(x: torch.Tensor) -> None:
        check_lowering(Case(lambda x: torch.relu(x), (x,)), registry=registry)

    if not error:
        test()
        assert len(calls) > 1
        return
    with pytest.raises(PluginError, match="graph pass 'rewrite' raised ZeroDivisionError: oops"):
        test()
    assert len(calls) == 1


def test_a_lowering_that_forgets_to_return() -> None:
    @lowering(aten.special_i0.default, layout=Layout.ANY)
    def lower(nn: Context, self: Value) -> None:
        """special_i0(Tensor self) -> Tensor"""

    record = lower.__nnapi_lowering__  # type: ignore[attr-defined]
    registry = Registry.collect(extra=[plugin("nnapi_lowerings", lambda: [record])])

    class Model(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.special.i0(x)

    report = convert(Model(), (torch.ones(3),), registry=registry).report
    assert "is a `return` missing?" in report.nodes[0].reason


def test_a_lowering_without_a_layout_or_of_no_function() -> None:
    def lower(nn: Context, self: Value) -> Value:
        """special_i0(Tensor self) -> Tensor"""
        return self

    lower = lowering(aten.special_i0.default, layout="any")(lower)  # type: ignore[arg-type]
    record = lower.__nnapi_lowering__  # type: ignore[attr-defined]
    for wrong in (record, evolve(record, layout=Layout.ANY, function=5)):
        refused(plugin("nnapi_lowerings", lambda wrong=wrong: [wrong]), "a layout=")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda report: 5, "returned int"),
        (lambda report: report.notes.append(5), "not a text"),
        (lambda report: report.nodes.clear(), "changed report.nodes"),
        (lambda report: setattr(report, "notes", None), "took notes away"),
        (lambda report: setattr(report, "feature_level", 1), "changed report.feature_level"),
    ],
)
def test_a_report_hook_that_does_more_than_add_notes(
    change: Callable[[Any], Any], said: str
) -> None:
    refused(plugin("nnapi_report", lambda report: change(report)), "nnapi_report", said)


def test_report_hooks_add_notes_whatever_their_order() -> None:
    extra = []
    for name in ("b", "a"):
        one = plugin("nnapi_report", lambda report, name=name: report.notes.append(name))
        one.__name__ = name
        extra.append(one)
    extra.append(plugin("nnapi_report", lambda: None))
    for plugins in (extra, extra[::-1]):
        registry = Registry.collect(extra=plugins)
        notes = convert(TwoSteps(), (torch.ones(3),), registry=registry).report.notes
        assert notes == ["a", "b"]
