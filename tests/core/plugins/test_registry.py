"""Plugins: collisions, overrides, bad plugins, and no dependence on order."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest
import torch

from nnapi_core import ConversionError
from nnapi_core.conversion.convert import convert
from nnapi_core.errors import PluginError, Unsupported
from nnapi_core.plugin import Context, Layout, Value, hookimpl, lowering, lowerings_of, ops
from nnapi_core.plugins import discovery
from nnapi_core.plugins.registry import Registry

aten = torch.ops.aten


def plugin(name: str, *functions: Any) -> ModuleType:
    module = ModuleType(name)
    for function in functions:
        function.__module__ = name
        setattr(module, function.__name__, function)

    @hookimpl
    def nnapi_lowerings() -> Any:
        return [function.__nnapi_lowering__ for function in functions]

    module.nnapi_lowerings = nnapi_lowerings  # type: ignore[attr-defined]
    return module


def sign_lowering(name: str, *, overrides: bool = False, refuse: bool = False) -> Any:
    @lowering(aten.special_i0.default, layout=Layout.ANY, overrides=overrides)
    def lower(nn: Context, self: Value) -> Value:
        """special_i0(Tensor self) -> Tensor"""
        if refuse:
            raise Unsupported(f"{name} refuses")
        return nn.emit(ops.RELU, input=self)

    lower.__name__ = name
    return lower


class I0(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.special.i0(x)


def test_built_in_lowerings_enter_by_the_same_door() -> None:
    registry = Registry.collect()
    assert any(name.startswith("builtin:nnapi_ops.") for name in registry.plugins)
    assert not Registry.collect(blocked=["builtin"]).lowerings


def test_two_claims_name_both() -> None:
    one, two = plugin("one", sign_lowering("first")), plugin("two", sign_lowering("second"))
    with pytest.raises(PluginError, match=r"claimed twice, by one\.first .* and two\.second"):
        Registry.collect(extra=[one, two])


def test_an_override_that_refuses_falls_through() -> None:
    base = plugin("base", sign_lowering("base"))
    override = plugin("better", sign_lowering("better", overrides=True, refuse=True))
    for extra in itertools.permutations([base, override]):
        registry = Registry.collect(extra=extra)
        asked = registry.lowerings[aten.special_i0.default]
        assert [one.overrides for one in asked] == [True, False]
        converted = convert(I0(), (torch.ones(2),), fallback="error", registry=registry)
        assert converted.report.operations == {"RELU": 1}


def test_a_schema_that_differs_is_an_error() -> None:
    @lowering(aten.special_i0.default, layout=Layout.ANY)
    def lower(nn: Context, input: Value) -> Value:
        """special_i0(Tensor self) -> Tensor"""
        return input

    with pytest.raises(PluginError, match="name them as the schema does"):
        Registry.collect(extra=[plugin("wrong", lower)])


def test_a_docstring_without_the_schema_is_an_error() -> None:
    @lowering(aten.special_i0.default, layout=Layout.ANY)
    def lower(nn: Context, self: Value) -> Value:
        """Bessel."""
        return self

    with pytest.raises(PluginError, match=r"special_i0\(Tensor self\) -> Tensor"):
        Registry.collect(extra=[plugin("undocumented", lower)])


def test_a_misspelt_hook_is_an_error() -> None:
    module = ModuleType("misspelt")

    @hookimpl
    def nnapi_lowering() -> list[Any]:
        return []

    module.nnapi_lowering = nnapi_lowering  # type: ignore[attr-defined]
    with pytest.raises(PluginError, match="misspelt"):
        Registry.collect(extra=[module])


def test_a_plugin_that_raises_on_import_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("broken", "no_such_module_anywhere", "nnapi")
    found = [point, *discovery.entry_points(group="nnapi")]
    monkeypatch.setattr(discovery, "entry_points", lambda group: found)
    with pytest.raises(ConversionError, match=r"'broken'.*cannot be imported.*-p no:broken"):
        Registry.collect()
    assert Registry.collect(blocked=["broken"]).lowerings


def test_a_lowering_that_crashes_is_a_refusal_that_names_it() -> None:
    @lowering(aten.special_i0.default, layout=Layout.ANY)
    def lower(nn: Context, self: Value) -> Value:
        """special_i0(Tensor self) -> Tensor"""
        raise ZeroDivisionError("oops")

    registry = Registry.collect(extra=[plugin("crashing", lower)])
    with pytest.raises(Unsupported, match=r"crashing\.lower .* failed: ZeroDivisionError: oops"):
        convert(I0(), (torch.ones(2),), fallback="error", registry=registry)


def test_lowerings_of_lists_a_modules_own() -> None:
    conv = importlib.import_module("nnapi_ops.convolution.conv")
    names = [one.function.__name__ for one in lowerings_of(conv.__name__)]
    assert "convolution" in names
    assert len(names) == len(set(names))
    assert all(one.function.__module__ == conv.__name__ for one in lowerings_of(conv.__name__))


Install = Callable[[dict[str, str]], None]

_CLAIM = """
    import torch
    from nnapi_core.plugin import Layout, hookimpl, lowering, lowerings_of, ops

    @lowering(torch.ops.aten.{op}.default, layout=Layout.ANY)
    def lower(nn, self):
        \"\"\"{op}(Tensor self) -> Tensor\"\"\"
        return nn.emit(ops.RELU, input=self)

    @hookimpl
    def nnapi_lowerings():
        return lowerings_of(__name__)
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Lays files out as the plugin package ``acme_tree`` and installs it beside the others."""

    def lay_out(files: dict[str, str]) -> None:
        for name, text in files.items():
            path = tmp_path / "acme_tree" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        point = EntryPoint("acme", "acme_tree", "nnapi")
        found = [point, *discovery.entry_points(group="nnapi")]
        monkeypatch.setattr(discovery, "entry_points", lambda group: found)
        monkeypatch.syspath_prepend(tmp_path)

    yield lay_out
    for name in [one for one in sys.modules if one.split(".")[0] == "acme_tree"]:
        del sys.modules[name]


def test_a_plugin_may_be_a_tree_of_packages(install: Install) -> None:
    raises = "raise RuntimeError('this is no plugin module')"
    install(
        {
            "__init__.py": "",
            "bessel/__init__.py": _CLAIM.format(op="special_i1"),
            "bessel/order_0.py": _CLAIM.format(op="special_i0"),
            "bessel/scaled/__init__.py": "from acme_tree._names import OP",
            "bessel/scaled/order_0.py": _CLAIM.format(op="special_i0e"),
            "bessel/_series.py": raises,
            "_names.py": "OP = 'i0e'",
            "_drafts/__init__.py": raises,
            "_drafts/order_2.py": raises,
        }
    )
    registry = Registry.collect()
    claims = {name: found for name, found in registry.plugins.items() if name.startswith("acme")}
    assert {name: len(found) for name, found in claims.items()} == {
        "acme:acme_tree": 0,
        "acme:acme_tree.bessel": 1,
        "acme:acme_tree.bessel.order_0": 1,
        "acme:acme_tree.bessel.scaled": 0,
        "acme:acme_tree.bessel.scaled.order_0": 1,
    }
    converted = convert(I0(), (torch.ones(2),), fallback="error", registry=registry)
    assert converted.report.operations == {"RELU": 1}


@pytest.mark.parametrize(
    "files",
    [
        {"gamma/lower/__init__.py": "", "gamma/lower/regularised.py": "import no_such_module"},
        {"gamma/lower/__init__.py": "", "gamma/lower/regularised.py": "this is no Python"},
        {"gamma/lower/__init__.py": "", "gamma/lower/regularised/__init__.py": "1 / 0"},
    ],
    ids=["imports nothing", "no syntax", "raises"],
)
def test_a_module_that_fails_deep_inside_is_named(install: Install, files: dict[str, str]) -> None:
    install({"__init__.py": "", "gamma/__init__.py": "", "gamma/fine.py": "", **files})
    with pytest.raises(
        PluginError,
        match=r"'acme'.*: acme_tree\.gamma\.lower\.regularised cannot be imported: .*-p no:acme",
    ):
        Registry.collect()
    assert Registry.collect(blocked=["acme"]).lowerings
