"""Calls of the torch graph that follow each other in a known way, and one call in their place."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from torch.fx import Node


def rewrite(program: Any, targets: Collection[Any], match: Callable[[Node], Node | None]) -> None:
    """Puts what ``match`` makes of a call of one of ``targets`` in its place, in the torch graph of ``program``.

    It gives None for a call that stays.
    """
    for node in list(program.graph.nodes):
        found = match(node) if node.target in targets else None
        if found is not None:
            node.replace_all_uses_with(found)
            program.graph.erase_node(node)


def chain(end: Any, *targets: Any) -> list[Any]:
    """The calls of ``targets``, each the first argument of the one before; empty where they are others."""
    found: list[Any] = []
    for target in targets:
        if not isinstance(end, Node) or end.target is not target or end.kwargs:
            return []
        found.append(end)
        end = end.args[0]
    return found


def call_before(before: Node, target: Any, args: tuple[Any, ...]) -> Node:
    """A call of the shape and the source of ``before``, in front of it."""
    with before.graph.inserting_before(before):
        node = before.graph.call_function(target, args)
    node.meta.update(before.meta)
    return node
