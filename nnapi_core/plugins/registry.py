"""Everything the plugins contribute, collected once per conversion into a frozen value."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from types import ModuleType
from typing import Any, TypeVar

import pluggy
import torch
from attrs import evolve, field, frozen

from nnapi_core.errors import PluginError
from nnapi_core.plugins.calls import called, report_hooks
from nnapi_core.plugins.contributions import (
    Decomposition,
    FixedRange,
    Lowering,
    Pass,
    Phase,
    QuantisedOperator,
    ReportHook,
    ResultRange,
    check_overloads,
    described,
    marked_in,
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
    quantised_operators: Mapping[torch._ops.OpOverload, QuantisedOperator] = field(factory=dict)
    told: Mapping[str, tuple[torch._ops.OpOverload, ...]] = field(factory=dict)
    """The overloads that each plugin tells the quantiser of."""

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
        quantised: dict[torch._ops.OpOverload, tuple[str, QuantisedOperator]] = {}
        given: set[int] = set()
        for name, plugin in sorted(manager.list_name_plugin()):
            found = _call(manager, name, plugin, "nnapi_lowerings", Lowering)
            plugins[name] = found
            given |= set(map(id, found))
            for one in found:
                called(f"plugin {name}: a lowering of nnapi_lowerings", one.check)
                for overload in map(_current, one.overloads):
                    claims.setdefault(overload, []).append((name, one))
            for one_split in _call(manager, name, plugin, "nnapi_decompositions", Decomposition):
                given.add(id(one_split))
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
            for told in _call(
                manager, name, plugin, "nnapi_quantised_operators", QuantisedOperator
            ):
                _check_quantised(f"plugin {name}: nnapi_quantised_operators", told)
                for overload in map(_current, told.overloads):
                    first, _ = quantised.setdefault(overload, (name, told))
                    if quantised[overload][1] is not told:
                        raise PluginError(
                            f"the quantiser is told of {overload} twice, by plugin {first} and plugin {name}; "
                            "leave one out with -p no:NAME"
                        )
        _check_given(manager, given)
        return cls(
            lowerings={overload: _ordered(overload, found) for overload, found in claims.items()},
            decompositions=decompositions,
            passes=tuple(sorted(passes, key=lambda one: (one.rank, one.name))),
            plugins=plugins,
            report_hooks=report_hooks(manager),
            quantised_operators={overload: told for overload, (_, told) in quantised.items()},
            told={
                who: tuple(overload for overload, (name, _) in quantised.items() if name == who)
                for who, _ in quantised.values()
            },
        )


@cache
def installed_plugins() -> Registry:
    """Of all that are installed, collected once. Raises `PluginError`."""
    return Registry.collect()


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
        hint = "; is a `return` missing?" if given is None else ""
        raise PluginError(f"{where} returned {given!r}, not a list of {kind.__name__}s{hint}")
    found = called(where, lambda: tuple(given))
    for one in found:
        if not isinstance(one, kind):
            raise PluginError(f"{where} gives {one!r}, which is not a {kind.__name__}")
    return found


def _check_given(manager: pluggy.PluginManager, given: Collection[int]) -> None:
    """Raises `PluginError` for a marked function that no hook gives, in a module that has not got that hook."""
    for name, plugin in sorted(manager.list_name_plugin()):
        for hook, record in marked_in(plugin):
            function = getattr(plugin, hook, None)
            implemented = function is not None and manager.parse_hookimpl_opts(plugin, hook)
            if id(record) in given or implemented:
                continue
            records = "lowerings_of" if hook == "nnapi_lowerings" else "decompositions_of"
            missing = (
                f"its {hook} is not marked with @hookimpl"
                if function is not None
                else f"it has no {hook}; add\n  @hookimpl\n  def {hook}():\n      return {records}(__name__)"
            )
            raise PluginError(
                f"plugin {name} marks {described(record.function)}, which no hook gives: {missing}"
            )


def _check_quantised(where: str, told: QuantisedOperator) -> None:
    check_overloads(where, told.overloads)
    if not isinstance(told.result, ResultRange | FixedRange):
        raise PluginError(f"{where}: result={told.result!r} is no ResultRange and no FixedRange")
    if isinstance(told.result, FixedRange) and not (
        told.result.scale > 0 and 0 <= told.result.zero_point <= 255
    ):
        raise PluginError(f"{where}: {told.result} has no scale above 0 or no zero point in uint8")
    for overload in told.overloads:
        arguments = [one.name for one in overload._schema.arguments]
        unknown = [name for name in told.tensors or () if name not in arguments]
        if unknown:
            raise PluginError(
                f"{where}: {overload} has no argument {unknown[0]!r}; it has {', '.join(arguments)}"
            )


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
    overload: torch._ops.OpOverload, claims: list[tuple[str, Lowering]]
) -> tuple[Lowering, ...]:
    """Overriding lowerings first. Two claims of the same standing are an error that names both."""
    ordered = []
    for overrides in (True, False):
        same = [(name, one) for name, one in claims if one.overrides is overrides]
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
