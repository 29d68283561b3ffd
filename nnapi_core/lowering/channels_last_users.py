"""Which tensors end up in operators that take images channels last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch.fx import Graph, Node

from nnapi_core.nnapi.layout import Layout
from nnapi_core.plugins.contributions import Lowering


def led_to_images(
    graph: Graph, lowerings: Mapping[torch._ops.OpOverload, Sequence[Lowering]]
) -> set[Node]:
    """The nodes whose results are read by such an operator, at once or after some that keep the order they get."""
    leading: set[Node] = set()
    for node in reversed(graph.nodes):
        for user in node.users:
            found = lowerings.get(user.target)
            layout = found[0].layout if found else None
            if layout is Layout.IMAGE or (layout is Layout.SAME and user in leading):
                leading.add(node)
    return leading
