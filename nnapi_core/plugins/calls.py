"""Calls into plugins: whatever one does wrong is a `PluginError` that names it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import attrs
import pluggy

from nnapi_core.errors import PluginError
from nnapi_core.plugins.contributions import ReportHook

T = TypeVar("T")


def called(where: str, function: Callable[..., T], *args: Any) -> T:
    """``function(*args)``. Raises `PluginError`, which begins with ``where``, for all that it raises."""
    try:
        return function(*args)
    except PluginError as error:
        raise PluginError(f"{where}: {error}") from error
    # A plugin does not end the program, either.
    except (Exception, SystemExit) as error:
        raise PluginError(f"{where} raised {type(error).__name__}: {error}") from error


def report_hooks(manager: pluggy.PluginManager) -> tuple[ReportHook, ...]:
    """By the names of their plugins, whatever the order of installation. Raises `PluginError` for a wrapper."""
    found = sorted(manager.hook.nnapi_report.get_hookimpls(), key=lambda one: one.plugin_name)
    for one in found:
        if one.wrapper or one.hookwrapper:
            raise PluginError(
                f"plugin {one.plugin_name}: nnapi_report is a wrapper; hooks are called one by one, "
                "so there is nothing to wrap"
            )
    return tuple(
        ReportHook(one.plugin_name, one.function, "report" in one.argnames) for one in found
    )


def call_report_hooks(hooks: tuple[ReportHook, ...], report: Any) -> None:
    """Each may read the report, and add texts to its notes. Raises `PluginError` where one does anything else."""
    for hook in hooks:
        where = f"plugin {hook.plugin}: nnapi_report"
        before = attrs.asdict(report)
        given = called(where, hook.function, *([report] if hook.takes_report else []))
        if given is not None:
            raise PluginError(f"{where} returned {type(given).__name__}, not None")
        _check_report(where, before, attrs.asdict(report))


def _check_report(where: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    notes, old = after.pop("notes"), before.pop("notes")
    if not isinstance(notes, list) or notes[: len(old)] != old:
        raise PluginError(f"{where} took notes away; it may add to report.notes")
    for note in notes[len(old) :]:
        if not isinstance(note, str):
            raise PluginError(f"{where} adds the note {note!r}, which is not a text")
    changed = [name for name, value in before.items() if after[name] != value]
    if changed:
        raise PluginError(
            f"{where} changed report.{changed[0]}; it may read all, and add to report.notes"
        )
