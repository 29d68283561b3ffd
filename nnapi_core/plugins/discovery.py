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

GROUP = "nnapi"


def plugin_manager(
    *, blocked: Collection[str] = (), extra: Collection[ModuleType] = ()
) -> pluggy.PluginManager:
    """A fresh manager with every installed plugin but the ``blocked`` ones, and ``extra`` modules.

    A plugin that is a package brings each of its public modules. Raises `PluginError` for one that fails to
    import or that implements a hook nobody specified.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        if point.name in blocked:
            continue
        for module in _modules(point):
            if not manager.is_registered(module):
                _register(manager, module, f"{point.name}:{module.__name__}")
    for module in extra:
        if not manager.is_registered(module):
            _register(manager, module, module.__name__)
    return manager


def _register(manager: pluggy.PluginManager, module: ModuleType, name: str) -> None:
    try:
        manager.register(module, name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(f"plugin {name}: {error}") from error


def _modules(point: EntryPoint) -> Iterator[ModuleType]:
    try:
        module = point.load()
        yield module
        for info in pkgutil.iter_modules(getattr(module, "__path__", [])):
            if not info.name.startswith("_"):
                yield importlib.import_module(f"{module.__name__}.{info.name}")
    except Exception as error:
        distribution = point.dist.name if point.dist else "an unknown distribution"
        raise PluginError(
            f"plugin {point.name!r} ({point.value}, from {distribution}) cannot be imported: "
            f"{type(error).__name__}: {error}; "
            f"repair or uninstall it, or leave it out with -p no:{point.name}"
        ) from error
