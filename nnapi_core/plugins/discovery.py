"""Finds plugins: the modules that installed packages name in the entry-point group ``nnapi``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Collection, Iterator
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType

import pluggy

from nnapi_core.errors import PluginError
from nnapi_core.plugins import hookspecs
from nnapi_core.plugins.contributions import marked_in

GROUP = "nnapi"


def plugin_manager(
    *, blocked: Collection[str] = (), extra: Collection[ModuleType] = ()
) -> pluggy.PluginManager:
    """A fresh manager with every installed plugin but the ``blocked`` ones, and ``extra`` modules.

    A plugin that is a package brings each module and package in it, and in those in turn, whose name does not
    begin with ``_``. Raises `PluginError` for one that fails to import or that implements a hook nobody specified, and
    for a blocked one that is not installed.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    unknown = set(blocked) - {point.name for point in points}
    if unknown:
        raise PluginError(
            f"there is no plugin {', '.join(sorted(unknown))} to leave out; installed are "
            f"{', '.join(point.name for point in points)}"
        )
    for point in points:
        if point.name in blocked:
            continue
        for module in _modules(point):
            if not manager.is_registered(module):
                _register(manager, module, f"{point.name}:{module.__name__}")
    for module in extra:
        if not manager.is_registered(module):
            _register(manager, module, module.__name__)
    return manager


def implements_a_hook(module: ModuleType) -> bool:
    """Has it got a function that is marked with ``hookimpl``, or what is to be given by one?"""
    marks = f"{hookspecs.PROJECT}_impl"
    return bool(marked_in(module)) or any(hasattr(one, marks) for one in vars(module).values())


def _register(manager: pluggy.PluginManager, module: ModuleType, name: str) -> None:
    try:
        manager.register(module, name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(f"plugin {name}: {error}") from error


def _modules(point: EntryPoint) -> Iterator[ModuleType]:
    name = point.value
    try:
        module = point.load()
        yield module
        below = _public_modules(module)
        while below:
            name = below.pop(0)
            module = importlib.import_module(name)
            yield module
            below[:0] = _public_modules(module)
    except Exception as error:
        distribution = point.dist.name if point.dist else "an unknown distribution"
        raise PluginError(
            f"plugin {point.name!r} ({point.value}, from {distribution}): {name} cannot be imported: "
            f"{type(error).__name__}: {error}; "
            f"repair or uninstall it, or leave it out with -p no:{point.name}"
        ) from error


def _public_modules(module: ModuleType) -> list[str]:
    """Full names of the modules and packages in a package, but for those that begin with ``_``."""
    names = [one.name for one in pkgutil.iter_modules(getattr(module, "__path__", []))]
    return [f"{module.__name__}.{name}" for name in names if not name.startswith("_")]
