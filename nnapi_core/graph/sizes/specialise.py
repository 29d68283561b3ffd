"""An exported program at given sizes: the same calls, with numbers where it has symbols.

Nothing is traced again. torch has derived each shape as an expression of the free sizes, and its guards hold over the
whole declared range, so the sizes are put into the expressions.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import sympy  # type: ignore[import-untyped]
import torch
import torch.utils._pytree as pytree
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.export import ExportedProgram
from torch.fx import Graph, GraphModule, Node
from torch.fx.node import map_arg

from nnapi_core.errors import Unsupported
from nnapi_core.graph.sizes.free_sizes import FreeSize, size_expression

# Calls that say something of sizes, and compute nothing.
_CLAIMS = {
    torch.ops.aten._assert_scalar.default,
    torch.ops.aten.sym_constrain_range.default,
    torch.ops.aten.sym_constrain_range_for_size.default,
}

_Numbers = Mapping[sympy.Symbol, int]


class SymbolicProgram:
    """An exported program, with its expressions as they are now: later work on its graph may change them."""

    def __init__(self, exported: ExportedProgram) -> None:
        self.exported = exported
        self._values: dict[Node, Any] = {}
        self._read(exported.graph_module)

    def _read(self, module: GraphModule) -> None:
        for node in module.graph.nodes:
            self._values[node] = pytree.tree_map(_frozen, node.meta.get("val"))
        for child in module.children():
            if isinstance(child, GraphModule):
                self._read(child)

    def expressions(self) -> list[sympy.Expr]:
        """Every size that a tensor has somewhere, and every number that is computed from sizes."""
        found: dict[sympy.Expr, None] = {}
        for value in self._values.values():
            for one in pytree.tree_leaves(value):
                if isinstance(one, _Tensor):
                    found.update(dict.fromkeys(one.shape))
                elif isinstance(one, _Number) and isinstance(one.expression, sympy.Expr):
                    found[one.expression] = None
        return [one for one in found if one.free_symbols]

    def hint(self, size: FreeSize) -> int:
        """What the size was in the example; of one that is counted, something in its range."""
        for node in self._values:
            if node.name == size.of:
                given = node.meta["val"].shape[size.dim].node
                if given.has_hint() and not size.is_data_dependent:
                    return (int(given.hint) - size.offset) // size.factor
        return max(size.least, min(4, size.most or 4))

    def at(
        self, sizes: _Numbers, known: Mapping[Node, int | float | bool] | None = None
    ) -> ExportedProgram:
        """The program at these sizes, with the numbers that are ``known`` of nodes.

        Raises `Unsupported` where a shape cannot be computed.
        """
        substitution = _Substitution(FakeTensorMode(), sizes)
        exported = self._with(self._copied(self.exported.graph_module, substitution, known or {}))
        exported._range_constraints = {}
        return exported

    def at_numbers(self, known: Mapping[Node, int | float | bool]) -> ExportedProgram:
        """The program with its sizes as they are, and numbers for nodes that compute such."""
        return self._with(self._copied(self.exported.graph_module, None, known))

    def _with(self, module: GraphModule) -> ExportedProgram:
        exported = copy.copy(self.exported)
        exported._graph_module = module
        return exported

    def _copied(
        self,
        module: GraphModule,
        substitution: _Substitution | None,
        known: Mapping[Node, int | float | bool],
    ) -> GraphModule:
        attributes = {
            name: self._copied(child, substitution, known)
            if isinstance(child, GraphModule)
            else child
            for name, child in _attributes(module).items()
        }
        graph = Graph()
        mapping: dict[Node, Any] = {}
        for node in module.graph.nodes:
            if node.target in _CLAIMS:
                continue
            frozen = self._values[node]
            value = pytree.tree_map(substitution, frozen) if substitution else node.meta.get("val")
            if node.op == "output":
                graph.output(map_arg(node.args[0], mapping.__getitem__))
            elif node in known:
                mapping[node] = known[node]
            elif isinstance(frozen, _Number) and isinstance(value, (int, float)):
                mapping[node] = value
            else:
                mapping[node] = new = graph.node_copy(node, mapping.__getitem__)
                new.meta["val"] = value
        specialised = GraphModule(attributes, graph)
        specialised.meta.update(module.meta)
        return specialised


def _attributes(module: GraphModule) -> dict[str, Any]:
    return {
        str(node.target): getattr(module, str(node.target))
        for node in module.graph.find_nodes(op="get_attr")
    }


class _Tensor:
    """A fake tensor's expressions, read once."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.shape = [size_expression(size) for size in tensor.shape]
        self.strides = [size_expression(stride) for stride in tensor.stride()]
        self.make: Callable[..., torch.Tensor] = lambda shape, strides: torch.empty_strided(
            shape, strides, dtype=tensor.dtype, device="cpu"
        )


class _Number:
    """A number or a truth that is computed from sizes."""

    def __init__(self, value: Any) -> None:
        self.expression = value.node.expr
        self.symbolic = value


def _frozen(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return _Tensor(value)
    if isinstance(value, (torch.SymInt, torch.SymFloat, torch.SymBool)):
        return _Number(value)
    return value


class _Substitution:
    """Puts numbers for symbols."""

    def __init__(self, mode: FakeTensorMode, sizes: _Numbers) -> None:
        self._mode = mode
        self._sizes = {symbol: sympy.Integer(size) for symbol, size in sizes.items()}
        self._known: dict[sympy.Expr, int] = {}

    def __call__(self, value: Any) -> Any:
        if isinstance(value, _Tensor):
            with self._mode:
                return value.make(
                    [*map(self._size, value.shape)], [*map(self._size, value.strides)]
                )
        if isinstance(value, _Number):
            result = value.expression.xreplace(self._sizes)
            if result in (sympy.true, sympy.false):
                return bool(result)
            if result.free_symbols:
                return value.symbolic  # read off a tensor when the model runs
            return int(result) if result.is_Integer else float(result)
        return value

    def _size(self, expression: sympy.Expr) -> int:
        if expression not in self._known:
            number = expression.xreplace(self._sizes)
            if not number.is_Integer:
                raise Unsupported("a size that its symbols do not determine", size=expression)
            self._known[expression] = int(number)
        return self._known[expression]
