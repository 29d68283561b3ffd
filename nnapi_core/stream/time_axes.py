"""Which dimension of each value is time: the one that is longer where the sequence is."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import GraphModule, Interpreter, Node

from nnapi_core.errors import ConversionError
from nnapi_core.stream.read_layers import refusal


class _Shapes(Interpreter):
    """Runs a graph, and notes what shapes its values have."""

    def __init__(self, module: GraphModule) -> None:
        super().__init__(module)
        self.shapes: dict[Node, tuple[int, ...] | None] = {}
        self.tuples: set[Node] = set()

    def run_node(self, n: Node) -> Any:
        try:
            found = super().run_node(n)
        except ConversionError:
            raise
        except Exception as error:
            raise refusal(
                n,
                f"for another length than the example's it fails: {type(error).__name__}: {error}",
            ) from error
        value = found
        if isinstance(found, (tuple, list)) and found and n.op != "output":
            self.tuples.add(n)
            value = found[0]
        self.shapes[n] = tuple(value.shape) if isinstance(value, torch.Tensor) else None
        return found


def find_time_axes(
    module: GraphModule, short: torch.Tensor, long: torch.Tensor
) -> dict[Node, int | None]:
    """Of each value, the dimension that is time, counted from the last, -1; None for what has none.

    ``short`` and ``long`` are inputs of different lengths. Notes ``shape`` and ``is_tuple`` in each node's ``meta``.
    Raises `ConversionError` where time is in several dimensions, or is summed up.
    """
    one, other = _Shapes(module), _Shapes(module)
    with torch.no_grad():
        one.run(short)
        other.run(long)
    axes: dict[Node, int | None] = {}
    for node in module.graph.nodes:
        if node.op == "output":
            continue
        shape, longer = one.shapes[node], other.shapes[node]
        node.meta["shape"], node.meta["is_tuple"] = shape, node in one.tuples
        timed = any(axes.get(source) is not None for source in node.all_input_nodes)
        axes[node] = None
        if shape is None or longer is None:
            if timed:
                raise refusal(node, "it asks for what the whole sequence is like")
            continue
        if len(shape) != len(longer):
            raise refusal(node, "its result has other dimensions for another length")
        differing = [
            place
            for place, pair in enumerate(zip(shape, longer, strict=True))
            if pair[0] != pair[1]
        ]
        if len(differing) > 1:
            raise refusal(node, "each moment meets each other one")
        if differing:
            axes[node] = differing[0] - len(shape)
        elif timed or node.op == "placeholder":
            raise refusal(node, "it makes one of the whole sequence")
    return axes
