"""Numbers of a graph: what is not a tensor, but computed from tensors and sizes when the model runs.

Each part that reads one computes it itself, so that only tensors go from one part into another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch
from torch.fx import Node

_NUMBERS = (int, float, bool, torch.SymInt, torch.SymFloat, torch.SymBool)


def is_number(node: Node) -> bool:
    """A call that gives a number: ``item()``, a size, or Python's arithmetic on such."""
    return node.op == "call_function" and isinstance(node.meta.get("val"), _NUMBERS)


def kind_of(node: Node) -> type[int | float | bool]:
    """What Python's number is: ``bool``, ``int`` or ``float``."""
    value = node.meta["val"]
    if isinstance(value, (bool, torch.SymBool)):
        return bool
    return float if isinstance(value, (float, torch.SymFloat)) else int


def sources_of(node: Node) -> list[Node]:
    """The tensors that a call reads, itself or through numbers that are computed from them."""
    return list(_through(node.all_input_nodes, lambda number: number.all_input_nodes))


def readers_of(tensor: Node) -> list[Node]:
    """The calls that read a tensor, themselves or through numbers that are computed from it."""
    users = _through(list(tensor.users), lambda number: list(number.users))
    return [user for user in users if user.op == "call_function"]


def _through(nodes: Iterable[Node], beyond: Callable[[Node], Iterable[Node]]) -> Iterator[Node]:
    """The nodes, with what is ``beyond`` of each number in its place; each once."""
    seen: set[Node] = set()
    pending = list(nodes)[::-1]
    while pending:
        node = pending.pop()
        if node in seen:
            continue
        seen.add(node)
        if is_number(node):
            pending += reversed(list(beyond(node)))
        else:
            yield node
