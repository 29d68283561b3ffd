"""Which part of a detector's graph stays in floats when it is quantised: whatever handles boxes and their scores.

Eight bits for the coordinates of a box, or ties among scores, would make other detections. Layers between feature maps
are as good in integers as those of any model.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch._ops import OpOverload
from torch.fx import Graph, Node

# Convolutions and the like: their results are feature maps, logits and deltas.
_LAYERS = ("conv", "linear", "matmul", "bmm", "addmm")
_REGIONS = ("roi_align", "roi_pool")


def boxes_and_scores(graph: Graph) -> set[Node]:
    """The calls between the layers and the detection operators, those operators, and the calls after them."""
    tail: set[Node] = set()
    for node in graph.nodes:
        if _namespace(node) in ("nnapi", "torchvision"):
            _reach(tail, _boxes_of(node), backwards=True)
            if _name(node) not in _REGIONS:
                tail.add(node)
                _reach(tail, node.users, backwards=False)
    return tail


def _reach(tail: set[Node], start: Iterable[Node], *, backwards: bool) -> None:
    pending = list(start)
    while pending:
        node = pending.pop()
        ends = _name(node).startswith(_LAYERS) or _name(node) in _REGIONS
        if node in tail or ends or node.op != "call_function":
            continue
        tail.add(node)
        pending += node.all_input_nodes if backwards else list(node.users)


def _boxes_of(node: Node) -> list[Node]:
    """What a detection operator reads that is not a feature map."""
    if _name(node) in _REGIONS:
        return [one for one in node.args[1:2] if isinstance(one, Node)]
    return node.all_input_nodes


def _namespace(node: Node) -> str:
    return node.target.namespace if isinstance(node.target, OpOverload) else ""


def _name(node: Node) -> str:
    return node.target._schema.name.split("::")[-1] if isinstance(node.target, OpOverload) else ""
