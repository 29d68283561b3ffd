"""CPU pieces at several sizes, as one that takes its sizes from its inputs."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch.fx import Graph, GraphModule, Node

from nnapi_core.errors import Unsupported
from nnapi_core.flexible.fit_expressions import Fitter
from nnapi_core.nnapi.size_expression import Expression

_FUNCTIONS = {
    "+": operator.add,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
    "min": torch.sym_min,
    "max": torch.sym_max,
}


def merged_module(
    modules: Sequence[GraphModule],
    inputs: Sequence[str],
    fitter: Fitter,
    sizes: Sequence[Mapping[str, Any]],
) -> GraphModule:
    """One module for all sizes.

    ``inputs`` are the values that the modules take first; ``sizes`` are the manifest's. A placeholder's
    ``meta["free"]`` are its free dimensions. Raises `Unsupported` where the modules differ by more than numbers, or
    need a size that none of the inputs says.
    """
    return _Merger(modules, inputs, fitter, sizes).run()


class _Merger:
    def __init__(
        self,
        modules: Sequence[GraphModule],
        inputs: Sequence[str],
        fitter: Fitter,
        sizes: Sequence[Mapping[str, Any]],
    ) -> None:
        self.modules = modules
        self._inputs = list(inputs)
        self._fitter = fitter
        self._sizes = {size["name"]: size for size in sizes}
        self._graph = Graph()
        self._root = torch.nn.Module()
        self._mapping: dict[Node, Node] = {}
        self._placeholders: list[Node] = []
        self._dims: dict[tuple[Node, int], Expression | None] = {}
        self._known: dict[str, Any] = {}

    def run(self) -> GraphModule:
        columns = list(zip(*(module.graph.nodes for module in self.modules), strict=False))
        if any(len(module.graph.nodes) != len(columns) for module in self.modules):
            raise Unsupported("which calls the CPU makes depends on the free sizes")
        for column in columns:
            if len({(node.op, str(node.target)) for node in column} - {("placeholder", "")}) > 1:
                raise Unsupported("which calls the CPU makes depends on the free sizes")
            self._copy(column)
        return GraphModule(self._root, self._graph)

    def _copy(self, column: Sequence[Node]) -> None:
        first = column[0]
        match first.op:
            case "placeholder":
                new = self._graph.placeholder(first.name)
                self._describe(new, column)
                self._placeholders.append(new)
            case "get_attr":
                new = self._constant(column)
            case _:
                arguments = [pytree.tree_flatten((node.args, node.kwargs)) for node in column]
                if len({str(spec) for _, spec in arguments}) > 1:
                    raise Unsupported("what a CPU call is given depends on the free sizes")
                flat = [self._argument(one) for one in zip(*(a for a, _ in arguments), strict=True)]
                args, kwargs = pytree.tree_unflatten(flat, arguments[0][1])
                new = self._graph.create_node(first.op, first.target, args, kwargs, first.name)
                new.meta["val"] = first.meta.get("val")
        self._mapping[first] = new

    def _describe(self, new: Node, column: Sequence[Node]) -> None:
        """The largest of the tensors stands for all: an example must not be of size 1 where others are not."""
        found = [node.meta.get("val") for node in column]
        values = [value for value in found if isinstance(value, torch.Tensor)]
        if len(values) != len(found):
            raise Unsupported("a CPU call is given a size, not a tensor", node=new.name)
        shapes = [tuple(value.shape) for value in values]
        new.meta["val"] = max(values, key=lambda value: tuple(value.shape))
        free = {dim: one for dim, one in enumerate(zip(*shapes, strict=True)) if len(set(one)) > 1}
        new.meta["free"] = list(free)
        self._dims.update({(new, dim): self._fitter.fit(one) for dim, one in free.items()})

    def _argument(self, column: Sequence[Any]) -> Any:
        first = column[0]
        if isinstance(first, Node):
            return self._mapping[first]
        if all(one == first and type(one) is type(first) for one in column[1:]):
            return first
        if all(type(one) is int for one in column):
            expression = self._fitter.fit(column)
            if expression is not None:
                return self._number(expression)
        raise Unsupported("what a CPU call is given depends on the free sizes", seen=column)

    def _number(self, expression: Expression) -> Any:
        """The expression as calls on the inputs' shapes."""
        if isinstance(expression, (int, float)):
            return expression
        if isinstance(expression, list) and expression[0] == "scaled":
            number = self._graph.call_function(torch.sym_float, (self._number(expression[1]),))
            product = self._graph.call_function(operator.mul, (number, expression[2]))
            return self._graph.call_function(math.trunc, (product,))
        if isinstance(expression, list):
            function = _FUNCTIONS[expression[0]]
            result, *others = (self._number(one) for one in expression[1:])
            for other in others:
                result = self._graph.call_function(function, (result, other))
            return result
        if expression not in self._known:
            self._known[expression] = self._size(self._sizes[expression])
        return self._known[expression]

    def _size(self, size: Mapping[str, Any]) -> Any:
        """The call that reads a size off an input."""
        for (placeholder, dim), expression in self._dims.items():
            if expression == size["name"]:
                return self._graph.call_function(torch.ops.aten.sym_size.int, (placeholder, dim))
        if size["of"] not in self._inputs:
            raise Unsupported(
                "a CPU call needs a size that none of its piece's inputs says", size=size["name"]
            )
        placeholder = self._placeholders[self._inputs.index(size["of"])]
        given: Any = self._graph.call_function(
            torch.ops.aten.sym_size.int, (placeholder, size["dim"])
        )
        if size["offset"]:
            given = self._graph.call_function(operator.sub, (given, size["offset"]))
        if size["factor"] != 1:
            given = self._graph.call_function(operator.floordiv, (given, size["factor"]))
        return given

    def _constant(self, column: Sequence[Node]) -> Node:
        target = str(column[0].target)
        values = [getattr(m, str(n.target)) for m, n in zip(self.modules, column, strict=True)]
        if all(isinstance(value, GraphModule) for value in values):
            # A graph that control flow calls: its own operands say its sizes.
            inner = _Merger(values, (), self._fitter, list(self._sizes.values())).run()
            setattr(self._root, target, inner)
            return self._graph.get_attr(target)
        if not isinstance(values[0], torch.Tensor):
            if any(value != values[0] for value in values[1:]):
                raise Unsupported("what a CPU call is given depends on the free sizes")
            setattr(self._root, target, values[0])
            return self._graph.get_attr(target)
        shapes = [tuple(value.shape) for value in values]
        largest = tuple(max(sizes) for sizes in zip(*shapes, strict=True))
        if largest not in shapes:
            raise Unsupported("a constant of a CPU call depends on the free sizes", shapes=shapes)
        whole = values[shapes.index(largest)]
        if any(
            not torch.equal(whole[tuple(map(slice, shape))], value)
            for shape, value in zip(shapes, values, strict=True)
        ):
            raise Unsupported("a constant of a CPU call depends on the free sizes", shapes=shapes)
        self._root.register_buffer(target, whole)
        new = self._graph.get_attr(target)
        new.meta["val"] = column[0].meta.get("val")
        for dim, seen in enumerate(zip(*shapes, strict=True)):
            if len(set(seen)) > 1:
                end = self._argument(seen)
                new = self._graph.call_function(torch.ops.aten.slice.Tensor, (new, dim, 0, end))
        return new
