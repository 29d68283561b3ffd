"""Calls of the torch graph that follow each other in a known way, and one call in their place."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import torch
from attrs import frozen
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


@frozen(eq=False)
class CallBuilder:
    """Makes calls in front of one, of its source, and constants for them."""

    program: Any
    before: Node

    def __call__(self, target: Any, *args: Any) -> Node:
        values = torch.fx.node.map_arg(args, lambda node: node.meta["val"])
        with self.before.graph.inserting_before(self.before):
            node = self.before.graph.call_function(target, args)
        node.meta.update(self.before.meta)
        node.meta["val"] = target(*values)
        return node

    def constant(self, name: str, value: torch.Tensor) -> Node:
        mode = self.before.meta["val"].fake_mode
        made: Node = self.program.add_constant(
            name, mode.from_tensor(value), lambda: value, self.before
        )
        return made
