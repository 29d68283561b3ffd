"""Modules that lie beside a model: found, but never in the place of Python's own or of installed ones."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

# By their real paths.
_kept: dict[str, ModuleType] = {}


def look_here_last(folder: Path) -> None:
    """Modules in ``folder`` can be imported, after all others of their names."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def module_name(path: Path) -> str:
    """What a file is called as a module: its own name, unless another module goes by that."""
    name = path.stem
    found = sys.modules.get(name)
    origin = getattr(found, "__file__", None) if found is not None else _origin(name)
    is_free = found is None and origin is None
    if is_free or (origin is not None and os.path.realpath(origin) == os.path.realpath(path)):
        return name
    return f"nnapi_model_{name}"


def import_file(path: Path, *, keep: bool = False) -> ModuleType:
    """The module of a file, run anew unless it was imported to be kept. Raises what its code raises."""
    real = os.path.realpath(path)
    if real in _kept:
        return _kept[real]
    look_here_last(path.resolve().parent)
    spec = importlib.util.spec_from_file_location(module_name(path), path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    if keep:
        _kept[real] = module
    return module


def _origin(name: str) -> str | None:
    """Where a module of this name would come from; a name that cannot be imported comes from nowhere."""
    if name in sys.builtin_module_names:
        return "built-in"
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    return None if spec is None else spec.origin or "a package"


def import_from_here(name: str) -> ModuleType:
    """A module by its dotted name. Its first part may lie in the current folder, from where others come last."""
    first = name.partition(".")[0]
    look_here_last(Path.cwd())
    if first in sys.modules or first in sys.stdlib_module_names:
        return importlib.import_module(name)
    finder = _Here(first)
    sys.meta_path.insert(0, finder)
    try:
        return importlib.import_module(name)
    finally:
        sys.meta_path.remove(finder)


class _Here:
    """Finds one top-level module in the current folder."""

    def __init__(self, name: str) -> None:
        self._name = name

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self._name:
            return None
        return PathFinder.find_spec(name, [os.getcwd()])
