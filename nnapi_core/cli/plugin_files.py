"""Plugins of one file, which are not installed: ``--plugin-file op.py``."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from types import ModuleType

from nnapi_core.cli.users_modules import import_file
from nnapi_core.errors import PluginError
from nnapi_core.plugins.discovery import implements_a_hook
from nnapi_core.plugins.registry import Registry


def registry_of(options: Namespace) -> Registry:
    """Of the installed plugins without those that are left out, and of those in files. Raises `PluginError`."""
    files = [_plugin_in(Path(name)) for name in options.plugin_files]
    return Registry.collect(blocked=options.blocked, extra=files)


def _plugin_in(path: Path) -> ModuleType:
    if not path.is_file():
        raise PluginError(f"--plugin-file {path}: there is no such file")
    if path.suffix != ".py":
        raise PluginError(f"--plugin-file {path}: a plugin is a .py file")
    try:
        # A model may lie in the same file, and an operator is defined once.
        module = import_file(path, keep=True)
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"--plugin-file {path} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if not implements_a_hook(module):
        raise PluginError(
            f"--plugin-file {path} has no hook, so it brings nothing; mark functions with @lowering, and add\n"
            "  @hookimpl\n  def nnapi_lowerings():\n      return lowerings_of(__name__)"
        )
    return module
