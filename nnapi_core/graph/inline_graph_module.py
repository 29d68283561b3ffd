"""Puts the graph of a module in the place of one node."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import torch.utils._pytree as pytree
from torch.fx import GraphModule, Node

from nnapi_core.graph.program import source_of


def splice(
    attributes: dict[str, Any], node: Node, inner: GraphModule, inputs: Sequence[Any]
) -> list[Node]:
    """Replaces ``node`` by the calls of ``inner`` on ``inputs``; returns the new nodes.

    What ``inner`` names by ``get_attr`` is added to ``attributes``.
    """
    new, result = inserted(attributes, node, inner, inputs)
    replace(node, result)
    return new


def replace(node: Node, result: Any) -> None:
    """Puts ``result`` (`redirect`) in the place of ``node``, which goes unless somebody still reads it."""
    redirect(node, result)
    if not node.users:
        node.graph.erase_node(node)


def inserted(
    attributes: dict[str, Any], node: Node, inner: GraphModule, inputs: Sequence[Any]
) -> tuple[list[Node], Any]:
    """The calls of ``inner`` on ``inputs`` in front of ``node``: the new nodes, and what ``inner`` returns."""
    mapping: dict[Node, Any] = {}
    remaining = iter(inputs)
    new: list[Node] = []
    result: Any = None
    with node.graph.inserting_before(node):
        for one in inner.graph.nodes:
            if one.op == "placeholder":
                mapping[one] = next(remaining)
            elif one.op == "output":
                result = pytree.tree_map_only(Node, mapping.__getitem__, one.args[0])
            else:
                mapping[one] = node.graph.node_copy(one, mapping.__getitem__)
                new.append(mapping[one])
                if not source_of(one):
                    mapping[one].meta["stack_trace"] = node.meta.get("stack_trace")
                if one.op == "get_attr":
                    name = f"inner_{len(attributes)}"
                    attributes[name] = getattr(inner, one.target)
                    mapping[one].target = name
    return new, result


def redirect(node: Node, result: Any) -> None:
    """Readers of ``node`` read ``result``, which is nested lists where the node had several results."""
    if isinstance(result, Node):
        node.replace_all_uses_with(result)
    elif isinstance(result, (list, tuple)):
        for user in list(node.users):
            if user.target is operator.getitem:
                redirect(user, result[user.args[1]])  # type: ignore[index]
                if not user.users:
                    user.graph.erase_node(user)
