"""Hooks that fail: one `PluginError` that names plugin, hook and cause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from attrs import evolve

from nnapi_core.conversion.convert import convert
from nnapi_core.plugin import Context, Layout, Pass, Phase, Value, decomposition, lowering
from nnapi_core.plugins.registry import Registry
from tests.plugins.failing_plugins import ERRORS, TwoSteps, plugin, raises, refused

aten = torch.ops.aten
HOOKS = ("nnapi_lowerings", "nnapi_decompositions", "nnapi_passes", "nnapi_report")


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
@pytest.mark.parametrize("hook", HOOKS[:3])
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

    record = lower.__nnapi_lowering__  # type: ignore[attr-defined]
    refused(plugin("nnapi_lowerings", lambda: [record]), "torch.ops.aten.NAME.default")
    split = decomposition(overload)(lambda x: x)
    record = split.__nnapi_decomposition__  # type: ignore[attr-defined]
    refused(plugin("nnapi_decompositions", lambda: [record]), "torch.ops.aten.NAME.default")


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
