"""Binds the arguments of a node to the names of its operator's schema."""

from __future__ import annotations

from typing import Any

from torch.fx import Node


def bind_args(node: Node) -> dict[str, Any]:
    """Every argument of the schema by name, defaults filled in."""
    arguments = node.target._schema.arguments  # type: ignore[union-attr]
    bound: dict[str, Any] = {}
    for position, argument in enumerate(arguments):
        if position < len(node.args) and not argument.kwarg_only:
            bound[argument.name] = node.args[position]
        elif argument.name in node.kwargs:
            bound[argument.name] = node.kwargs[argument.name]
        else:
            bound[argument.name] = argument.default_value
    return bound
