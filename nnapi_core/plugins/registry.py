"""Everything the plugins contribute, collected once per conversion into a frozen value."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import ModuleType
from typing import Any, TypeVar

import pluggy
import torch
from attrs import evolve, frozen

from nnapi_core.errors import PluginError
from nnapi_core.plugins.calls import called, report_hooks
from nnapi_core.plugins.contributions import (
    Decomposition,
    Lowering,
    Pass,
    Phase,
    ReportHook,
    check_overloads,
    described,
)
from nnapi_core.plugins.discovery import plugin_manager

T = TypeVar("T")


@frozen(eq=False)
class Registry:
    """Lowerings by overload (the first to be asked comes first), passes, and report hooks."""

    lowerings: Mapping[torch._ops.OpOverload, tuple[Lowering, ...]]
    decompositions: Mapping[torch._ops.OpOverload, Decomposition]
    passes: tuple[Pass, ...]
    plugins: Mapping[str, tuple[Lowering, ...]]
    """What each plugin claims, by its registered name."""
    report_hooks: tuple[ReportHook, ...] = ()

    @classmethod
    def collect(
        cls, *, blocked: Collection[str] = (), extra: Collection[ModuleType] = ()
    ) -> Registry:
        """Asks every plugin; the result does not depend on the order in which they were installed."""
        manager = plugin_manager(blocked=blocked, extra=extra)
        claims: dict[torch._ops.OpOverload, list[tuple[str, Lowering]]] = {}
        plugins: dict[str, tuple[Lowering, ...]] = {}
        decompositions: dict[torch._ops.OpOverload, Decomposition] = {}
        passes: list[Pass] = []
        for name, plugin in sorted(manager.list_name_plugin()):
            found = _call(manager, name, plugin, "nnapi_lowerings", Lowering)
            plugins[name] = found
            for one in found:
                called(f"plugin {name}: a lowering of nnapi_lowerings", one.check)
                for overload in map(_current, one.overloads):
                    claims.setdefault(overload, []).append((name, one))
            for one_split in _call(manager, name, plugin, "nnapi_decompositions", Decomposition):
                split = evolve(one_split, plugin=name)
                _check_decomposition(split)
                for overload in split.overloads:
                    if decompositions.setdefault(overload, split) is not split:
                        raise PluginError(
                            f"{overload} is decomposed twice; one is by plugin {name}"
                        )
            for one_pass in _call(manager, name, plugin, "nnapi_passes", Pass):
                _check_pass(name, one_pass)
                passes.append(evolve(one_pass, plugin=name))
        return cls(
            lowerings={overload: _ordered(overload, found) for overload, found in claims.items()},
            decompositions=decompositions,
            passes=tuple(sorted(passes, key=lambda one: (one.rank, one.name))),
            plugins=plugins,
            report_hooks=report_hooks(manager),
        )


def _current(overload: torch._ops.OpOverload) -> torch._ops.OpOverload:
    """The operator as it is now: a library that was imported later may have defined it anew."""
    packet = getattr(getattr(torch.ops, overload.namespace), overload._opname, None)
    found: torch._ops.OpOverload = getattr(packet, overload._overloadname, overload)
    return found


def _call(
    manager: pluggy.PluginManager, name: str, plugin: Any, hook: str, kind: type[T]
) -> tuple[T, ...]:
    """What a hook gives, which must be of ``kind``. Raises `PluginError`."""
    function = getattr(plugin, hook, None)
    if function is None or manager.parse_hookimpl_opts(plugin, hook) is None:
        return ()
    where = f"plugin {name}: {hook}"
    given = called(where, function)
    if isinstance(given, (str, bytes, Mapping)) or not hasattr(given, "__iter__"):
        raise PluginError(f"{where} returned {given!r}, not a list of {kind.__name__}s")
    found = called(where, lambda: tuple(given))
    for one in found:
        if not isinstance(one, kind):
            raise PluginError(f"{where} gives {one!r}, which is not a {kind.__name__}")
    return found


def _check_decomposition(split: Decomposition) -> None:
    where = f"plugin {split.plugin}: the decomposition {described(split.function)}"
    if not callable(split.function):
        raise PluginError(f"{where} is not a function")
    check_overloads(where, split.overloads)


def _check_pass(plugin: str, one: Pass) -> None:
    """Raises `PluginError` for fields of other types than `Pass` says."""
    place = str | None
    wanted: dict[str, Any] = {
        "name": str, "phase": Phase, "rank": (int, float), "before": place, "after": place,
    }  # fmt: skip
    wrong = [name for name, kind in wanted.items() if not isinstance(getattr(one, name), kind)]
    if not callable(one.function):
        wrong.append("function")
    if wrong:
        said = ", ".join(f"{name}={getattr(one, name)!r}" for name in wrong)
        raise PluginError(
            f"plugin {plugin}: nnapi_passes gives the pass {one.name!r} with {said}; a pass has a name, "
            "a phase of Phase, a function, a number as its rank, and a step's name as its place"
        )


def _ordered(
    overload: torch._ops.OpOverload, found: list[tuple[str, Lowering]]
) -> tuple[Lowering, ...]:
    """Overriding lowerings first. Two claims of the same standing are an error that names both."""
    ordered = []
    for overrides in (True, False):
        same = [(name, one) for name, one in found if one.overrides is overrides]
        if len(same) > 1:
            who = " and ".join(f"{one.where} of plugin {name}" for name, one in same)
            advice = (
                "leave one of the plugins out"
                if overrides
                else "one of them must say overrides=True, or leave one out with -p no:NAME"
            )
            raise PluginError(f"{overload} is claimed twice, by {who}; {advice}")
        ordered += [one for _, one in same]
    return tuple(ordered)
