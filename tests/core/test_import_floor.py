"""Imports go downwards only, and each package knows no more than it may."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# A module may import from its own floor's line and those above it.
FLOORS = [
    {"reasons"},
    {"errors"},
    {"detection", "generation", "stream"},
    {"nnapi.types", "nnapi.layout", "nnapi.constant", "nnapi.size_expression", "nnapi.word_reader"},
    {"nnapi.opset"},
    {"nnapi.model", "nnapi.stock_limits", "nnapi.device_profile"},
    {"nnapi.builder", "nnapi.serialize"},
    {"nnapi"},
    {"plugins"},
    {"graph"},
    {"graph.passes", "graph.sizes", "graph.quantised"},
    {"graph.control_flow", "graph.torchscript"},
    {"graph.export"},
    {"lowering"},
    {"plugin", "lowering.control_flow", "lowering.optimise"},
    {"lowering.partition"},
    {"artifact"},
    {"flexible"},
    {"report.page"},
    {"report"},
    {"quantisation", "conversion"},
    {"verification"},
    {"", "cli", "testing"},
    {"__main__"},
]

# The same for the families of lowerings, of which those on one floor do not import each other.
FAMILIES = [
    {"", "_graph_patterns"},
    {"shape"},
    {"arithmetic", "convolution", "detection"},
    {"activation", "linear", "reduction", "normalisation"},
    {"indexing", "pooling", "recurrent", "resampling"},
]

CUSTOM_OPERATORS = {
    f"nnapi_core.detection.{one}" for one in ("operators", "boxes", "roi_align_pool")
}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Full names of what a file imports, functions' own imports included, and the line."""
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                member = ROOT / (source.replace(".", "/")) / alias.name
                is_module = member.is_dir() or any(
                    member.with_suffix(suffix).exists() for suffix in (".py", ".pyi")
                )
                yield (f"{source}.{alias.name}" if is_module else source), node.lineno


def floor(name: str) -> int:
    """The floor of a module of nnapi_core, by the longest prefix that has one."""
    parts = name.split(".")[1:]
    for length in range(len(parts), -1, -1):
        prefix = ".".join(parts[:length])
        if length == 0 and parts:
            break
        for number, members in enumerate(FLOORS):
            if prefix in members:
                return number
    raise AssertionError(f"{name} stands on no floor: give it one in {Path(__file__).name}")


def family(name: str) -> str:
    """The folder of a module of nnapi_ops, which itself is none."""
    return name.partition(".")[2].partition(".")[0]


@pytest.mark.parametrize("path", modules("nnapi_core"), ids=module_name)
def test_core_imports_downwards(path: Path) -> None:
    own = floor(module_name(path))
    upwards = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for name, line in imports(path)
        if name.split(".")[0] == "nnapi_core" and floor(name) > own
    ]
    assert not upwards


def check_no_circle(graph: Mapping[str, Collection[str]]) -> None:
    """Raises `graphlib.CycleError`, which names the modules, where some import one another."""
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("package", ["nnapi_core", "nnapi_ops", "nnapi_runtime"])
def test_no_circles(package: str) -> None:
    """What is imported for its types alone, or late, counts as well."""
    paths = {module_name(path): path for path in modules(package)}
    check_no_circle({name: {one for one, _ in imports(path)} for name, path in paths.items()})


def test_a_circle_is_found() -> None:
    check_no_circle({"a": {"b", "c"}, "b": {"c"}})
    with pytest.raises(CycleError, match=r"b.*c"):
        check_no_circle({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}})


@pytest.mark.parametrize("path", modules("nnapi_core"), ids=module_name)
def test_core_never_names_the_built_in_lowerings(path: Path) -> None:
    assert "nnapi_ops" not in path.read_text()


@pytest.mark.parametrize("path", modules("nnapi_ops"), ids=module_name)
def test_lowerings_import_the_plugin_interface_alone(path: Path) -> None:
    allowed = {"torch", "numpy", "attrs", "nnapi_ops", *sys.stdlib_module_names}
    others = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for name, line in imports(path)
        if name.split(".")[0] not in allowed
        and name != "nnapi_core.plugin"
        and not name.startswith("nnapi_core.plugin.")
        # Custom operators are torch's side, and whoever lowers them needs them defined.
        and name not in CUSTOM_OPERATORS
    ]
    assert not others


@pytest.mark.parametrize("path", modules("nnapi_ops"), ids=module_name)
def test_families_import_downwards(path: Path) -> None:
    own = family(module_name(path))
    number = next((one for one, members in enumerate(FAMILIES) if own in members), None)
    assert number is not None, f"{own} stands on no floor: give it one in {Path(__file__).name}"
    allowed = {own}.union(*FAMILIES[:number])
    others = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for name, line in imports(path)
        if name.split(".")[0] == "nnapi_ops" and family(name) not in allowed
    ]
    assert not others


@pytest.mark.parametrize("path", modules("nnapi_runtime"), ids=module_name)
def test_runtime_knows_only_bytes(path: Path) -> None:
    others = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for name, line in imports(path)
        if name.split(".")[0] in ("nnapi_core", "nnapi_ops")
    ]
    assert not others
