"""The prepared graph itself, run by torch one node at a time."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch.fx import Node

from nnapi_core.graph.program import Program

Values = MutableMapping[Node, Any]


def value_of(program: Program, node: Node, values: Values) -> Any:
    """The value of a node: a constant's, one of ``values``, or what torch computes of those, and adds to them."""
    if node in program.constants:
        return program.constants[node].load()
    if node.op == "get_attr":
        return program.attributes[str(node.target)]
    if node not in values:
        values[node] = run_node(program, node, values)
    return values[node]


def run_node(program: Program, node: Node, values: Values) -> Any:
    """What torch makes of the values of a node's arguments."""

    def value(one: Node) -> Any:
        return value_of(program, one, values)

    args, kwargs = pytree.tree_map_only(Node, value, (node.args, node.kwargs))
    with torch.no_grad():
        return node.target(*args, **kwargs)  # type: ignore[operator]
