"""Writes calls in front of one node of a graph, with what they give."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Node
from torch.fx.node import map_arg


class NodeWriter:
    """Called with an operator and its arguments, it adds that call in front of ``node``; ``written`` are all of them.

    A composite operator stays whole, which a trace would take apart.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self.written: list[Node] = []

    def __call__(self, target: Any, *operands: Any) -> Node:
        with self._node.graph.inserting_before(self._node), torch.no_grad():
            word = self._node.graph.call_function(target, operands)
            word.meta = {key: one for key, one in self._node.meta.items() if key != "val"}
            word.meta["val"] = target(*map_arg(operands, lambda one: one.meta["val"]))
        self.written.append(word)
        return word
