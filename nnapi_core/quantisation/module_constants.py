"""The fixed tensors of a graph module, as those of a `Program` are held: ``get_attr`` nodes instead of placeholders."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch.fx import GraphModule, Node

from nnapi_core.graph.passes.aliasing import mutated
from nnapi_core.graph.program import TorchConstant


class ModuleConstants:
    """Of a module that `torch.export` made; tensors that its graph writes into are not among them."""

    def __init__(self, module: GraphModule) -> None:
        self.graph = module.graph
        self.constants: dict[Node, TorchConstant] = {}
        self.folded: dict[Hashable, int] = {}
        self._module = module
        written = {
            str(one.target)
            for node in self.graph.nodes
            for one in mutated(node)
            if one.op == "get_attr"
        }
        for node in self.graph.find_nodes(op="get_attr"):
            tensor = attribute(module, str(node.target))
            if isinstance(tensor, torch.Tensor) and str(node.target) not in written:
                self._hold(node, tensor.detach())

    def add_constant(
        self, name: str, value: torch.Tensor, load: Callable[[], torch.Tensor], like: Node
    ) -> Node:
        """A new parameter of the module; ``value`` is a fake or meta tensor of its shape and dtype."""
        while hasattr(self._module, name):
            name += "_"
        with torch.no_grad():
            tensor = load().detach().contiguous()
        self._module.register_parameter(name, torch.nn.Parameter(tensor, requires_grad=False))
        with self.graph.inserting_before(next(iter(self.graph.nodes))):
            node = self.graph.get_attr(name)
        node.meta["val"] = value
        node.meta["stack_trace"] = like.meta.get("stack_trace", "")
        self._hold(node, tensor)
        return node

    def _hold(self, node: Node, tensor: torch.Tensor) -> None:
        shape = tuple(tensor.shape)
        key = ("attribute", str(node.target))
        self.constants[node] = TorchConstant(shape, tensor.dtype, lambda: tensor, key)


def attribute(module: torch.nn.Module, path: str) -> Any:
    """What a ``get_attr`` node names."""
    found: Any = module
    for part in path.split("."):
        found = getattr(found, part)
    return found
