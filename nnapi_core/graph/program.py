"""The torch graph that is lowered: one flat functional FX graph, its constants, and its borders."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import torch
from attrs import define, field, frozen
from torch.fx import Graph, Node

from nnapi_core.errors import Reason, Unsupported
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.types import ChannelQuant, Quant


@frozen(eq=False)
class TorchConstant:
    """A tensor that does not depend on the inputs, computed when it is needed."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    load: Callable[[], torch.Tensor] = field(repr=False)
    key: Hashable
    """Names the content: constants of equal keys are equal, and are written once."""
    reordered: Callable[[], Constant] | None = field(default=None, repr=False)
    """Where the elements are another constant's: that one for NNAPI, permuted or reshaped."""

    def constant(self) -> Constant:
        """For NNAPI: the same memory as numpy sees it (torch's shape and order)."""
        if self.reordered is not None:
            return self.reordered()
        dtype = numpy_dtype(self.dtype)
        return Constant(dtype, self.shape, lambda: self.load().detach().numpy(), self.key)


def numpy_dtype(dtype: torch.dtype) -> np.dtype[Any]:
    """Raises `Unsupported` for what numpy has not got (bfloat16, half complex)."""
    try:
        return np.dtype(torch.empty(0, dtype=dtype).numpy().dtype)
    except TypeError:
        raise Unsupported("NNAPI has no tensors of this dtype", Reason.TYPES, dtype=dtype) from None


@define(eq=False)
class Program:
    """A graph whose nodes are placeholders, op calls, ``getitem`` and one output.

    ``inputs`` are the placeholders of the user's tensors, ``constants`` the nodes whose value is fixed:
    weights, and what folds from them. ``output_tree`` says how the flat results are put together
    (docs/file_format.md).
    """

    graph: Graph
    attributes: dict[str, Any]
    """What ``get_attr`` nodes name: submodules of higher-order operators, tensors made by decompositions."""
    inputs: list[Node]
    constants: dict[Node, TorchConstant]
    output_tree: list[Any]
    input_values: list[tuple[bool, Any]]
    """Per flat argument: is it a tensor, and if not, the value that it was exported with."""
    written: list[str] = field(factory=list)
    """The inputs that the last results are written into; those are not returned."""
    branches: dict[Node, tuple[Branch, ...]] = field(factory=dict)
    """The graphs inside of ``cond`` (then, else) and ``while_loop`` (condition, body) calls."""
    unsplit: dict[Node, Unsupported] = field(factory=dict)
    """Calls that a plugin's decomposition or pass refuses, and why."""
    quants: dict[Node, Quant | ChannelQuant] = field(factory=dict)
    """What the integers of a tensor mean: results of ``quantize``, and what ``dequantize`` reads."""
    dequantised: dict[Node, Node] = field(factory=dict)
    """Calls of ``dequantize``, and the tensors of integers (in ``quants``) that they are the numbers of."""

    folded: dict[Hashable, int] = field(factory=dict)
    """Calls of constants, numbered: what is computed twice is one constant."""

    @property
    def results(self) -> list[Any]:
        """The flat outputs: a node, or a Python value that is returned as it is."""
        (output,) = self.graph.find_nodes(op="output")
        return list(output.args[0])

    def operations(self) -> list[Node]:
        """Op calls in order, without the folded ones and without ``getitem``."""
        return [
            node
            for node in self.graph.nodes
            if node.op == "call_function"
            and isinstance(node.target, torch._ops.OpOverload | torch._ops.HigherOrderOperator)
            and node not in self.constants
        ]

    def add_constant(
        self, name: str, value: torch.Tensor, load: Callable[[], torch.Tensor], like: Node
    ) -> Node:
        """A new constant; ``value`` is a fake or meta tensor of its shape and dtype."""
        first = next(iter(self.graph.nodes))
        with self.graph.inserting_before(first):
            node = self.graph.placeholder(self.graph._graph_namespace.create_name(name, None))
        node.meta["val"] = value
        node.meta["stack_trace"] = like.meta.get("stack_trace", "")
        shape = tuple(int(dim) for dim in value.shape)
        self.constants[node] = TorchConstant(
            shape, value.dtype, load, ("made", id(self), node.name)
        )
        return node


@frozen(eq=False)
class Branch:
    """A graph that another one calls, as a program of its own."""

    program: Program
    parameters: tuple[Node, ...]
    """A placeholder for each operand of the call. Those that are constants outside are so here too."""


def source_of(node: Node) -> str:
    """``file:line`` of the innermost frame that is in a file and not torch's own, else of the innermost one."""
    innermost = users = ""
    for line in (node.meta.get("stack_trace") or "").splitlines():
        line = line.strip()
        if line.startswith('File "'):
            file, rest = line[6:].split('"', 1)
            innermost = f"{file}:{rest.split('line ', 1)[-1].split(',', 1)[0]}"
            if not file.startswith((_TORCH_FOLDER, "<")):
                users = innermost
    return users or innermost


_TORCH_FOLDER = torch.__path__[0]
