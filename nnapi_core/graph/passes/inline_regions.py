"""Inlines the regions that ``torch.export`` keeps apart although they compute what their nodes compute.

Code under ``torch.no_grad()`` or a disabled ``torch.autocast`` is exported as a call of a graph of its own.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Graph, Node

from nnapi_core.graph.inline_graph_module import splice

_GRAD = torch.ops.higher_order.wrap_with_set_grad_enabled
_AUTOCAST = torch._higher_order_ops.wrap.wrap_with_autocast


def inline_regions(graph: Graph, attributes: dict[str, Any]) -> None:
    """Rewrites ``graph`` in place; ``attributes`` holds the regions' graphs by name."""
    pending = [node for node in graph.nodes if node.op == "call_function"]
    while pending:
        node = pending.pop()
        found = _region(node)
        if found is not None:
            body, inputs = found
            pending += splice(attributes, node, attributes[str(body.target)], inputs)


def _region(node: Node) -> tuple[Any, tuple[Any, ...]] | None:
    """The graph that a call names, and what it is called with."""
    if node.target is _GRAD:
        _, body, *inputs = node.args
        return body, tuple(inputs)
    if node.target is _AUTOCAST:
        device, _, enabled, _, body, *inputs = node.args
        if device == "cpu" and enabled:
            return None  # it rounds to another dtype on the way
        return body, tuple(inputs)
    return None
