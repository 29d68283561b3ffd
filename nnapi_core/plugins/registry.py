"""Everything the plugins contribute, collected once per conversion into a frozen value."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from types import ModuleType
from typing import Any

import pluggy
import torch
from attrs import field, frozen

from nnapi_core.errors import PluginError
from nnapi_core.plugins.definition import Decomposition, Lowering, Pass, Phase
from nnapi_core.plugins.discovery import plugin_manager


@frozen(eq=False)
class Registry:
    """Lowerings by overload (the first to be asked comes first), passes, and report hooks."""

    lowerings: Mapping[torch._ops.OpOverload, tuple[Lowering, ...]]
    decompositions: Mapping[torch._ops.OpOverload, Decomposition]
    passes: tuple[Pass, ...]
    plugins: Mapping[str, tuple[Lowering, ...]]
    """What each plugin claims, by its registered name."""
    report_hook: Callable[..., Any] = field(repr=False)

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
            found = tuple(_call(manager, name, plugin, "nnapi_lowerings"))
            plugins[name] = found
            for one in found:
                one.check()
                for overload in map(_current, one.overloads):
                    claims.setdefault(overload, []).append((name, one))
            for split in _call(manager, name, plugin, "nnapi_decompositions"):
                for overload in split.overloads:
                    if decompositions.setdefault(overload, split) is not split:
                        raise PluginError(
                            f"{overload} is decomposed twice; one is by plugin {name}"
                        )
            passes.extend(_call(manager, name, plugin, "nnapi_passes"))
        return cls(
            lowerings={overload: _ordered(overload, found) for overload, found in claims.items()},
            decompositions=decompositions,
            passes=tuple(sorted(passes, key=lambda one: (one.rank, one.name))),
            plugins=plugins,
            report_hook=manager.hook.nnapi_report,
        )

    def passes_of(self, phase: Phase) -> tuple[Pass, ...]:
        return tuple(one for one in self.passes if one.phase is phase)


def _current(overload: torch._ops.OpOverload) -> torch._ops.OpOverload:
    """The operator as it is now: a library that was imported later may have defined it anew."""
    packet = getattr(getattr(torch.ops, overload.namespace), overload._opname, None)
    found: torch._ops.OpOverload = getattr(packet, overload._overloadname, overload)
    return found


def _call(manager: pluggy.PluginManager, name: str, plugin: Any, hook: str) -> Iterable[Any]:
    function = getattr(plugin, hook, None)
    if function is None or manager.parse_hookimpl_opts(plugin, hook) is None:
        return []
    try:
        return list(function())
    except Exception as error:
        raise PluginError(
            f"plugin {name}: {hook} raised {type(error).__name__}: {error}"
        ) from error


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
