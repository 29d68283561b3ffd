"""What each plugin brings, for a reader and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Any

from attrs import asdict, frozen

from nnapi_core.plugins.discovery import GROUP
from nnapi_core.plugins.registry import Registry

SCHEMA_VERSION = 1


@frozen
class ListedPlugin:
    """One plugin: its distribution with its version, where it is known, and what its hooks give, by name."""

    name: str
    distribution: str | None
    lowerings: list[str]
    """Overloads of ATen or other operators."""
    decompositions: list[str]
    passes: list[str]
    quantised_operators: list[str]
    """Overloads that it tells the quantiser of."""
    reports: bool
    """Has it got a report hook?"""


def described_plugins(registry: Registry) -> list[ListedPlugin]:
    """Those that bring anything, by name."""
    names = {*registry.plugins, *(one.plugin for one in registry.passes)}
    names |= {one.plugin for one in registry.decompositions.values()}
    names |= {*registry.told, *(one.plugin for one in registry.report_hooks)}
    listed = (
        ListedPlugin(
            name,
            _distribution(name),
            sorted(
                str(overload)
                for one in registry.plugins.get(name, ())
                for overload in one.overloads
            ),
            sorted(str(key) for key, one in registry.decompositions.items() if one.plugin == name),
            sorted(one.name for one in registry.passes if one.plugin == name),
            sorted(map(str, registry.told.get(name, ()))),
            any(one.plugin == name for one in registry.report_hooks),
        )
        for name in sorted(names)
    )
    return [one for one in listed if _brings(one)]


def _brings(one: ListedPlugin) -> bool:
    lists = (one.lowerings, one.decompositions, one.passes, one.quantised_operators)
    return one.reports or any(lists)


def plugins_text(listed: Sequence[ListedPlugin]) -> str:
    """A heading for each plugin, and what it brings below."""
    lines = []
    for one in listed:
        counts = [
            f"{len(names)} {kind}"
            for kind, names in (
                ("overloads", one.lowerings),
                ("decompositions", one.decompositions),
                ("passes", one.passes),
                ("quantised operators", one.quantised_operators),
                ("report hook", ["report"] * one.reports),
            )
            if names
        ]
        source = f" ({one.distribution})" if one.distribution else ""
        lines.append(f"{one.name}{source}: {', '.join(counts)}")
        lines += [f"  {name}" for name in one.lowerings]
        lines += [f"  decomposes {name}" for name in one.decompositions]
        lines += [f"  pass {name}" for name in one.passes]
        lines += [f"  quantised {name}" for name in one.quantised_operators]
    return "\n".join(lines)


def plugins_json(listed: Sequence[ListedPlugin]) -> str:
    """As the command prints it with ``--json``."""
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "plugins": [asdict(one) for one in listed],
    }
    return json.dumps(document, indent=1)


def _distribution(plugin: str) -> str | None:
    """Name and version of what brought the entry point that a plugin's name begins with."""
    for point in entry_points(group=GROUP, name=plugin.partition(":")[0]):
        if point.dist is not None:
            return f"{point.dist.name} {point.dist.version}"
    return None
