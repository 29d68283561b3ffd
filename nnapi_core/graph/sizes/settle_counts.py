"""Numbers that torch finds when the model runs, where they are read off constants or count such: they are numbers."""

from __future__ import annotations

import operator
from collections.abc import Collection
from typing import Any

import sympy  # type: ignore[import-untyped]
import torch
from torch.export import ExportedProgram
from torch.fx import Node
from torch.fx.node import map_arg

from nnapi_core.graph.numbers import is_number
from nnapi_core.graph.passes.aliasing import memory_of, mutated
from nnapi_core.graph.passes.buffers_to_state import OWN_INPUTS
from nnapi_core.graph.sizes.free_sizes import free_symbols, size_expression
from nnapi_core.graph.sizes.specialise import SymbolicProgram


def settle_counts(exported: ExportedProgram, kept: Collection[str] = ()) -> ExportedProgram:
    """The program with numbers for what constants say: for ``item()`` of them, and for free sizes if it is all of them.

    ``kept`` names tensors of the program that others change. ``exported`` is not changed.
    """
    counting = [node for node in exported.graph.nodes if node.meta.get("unbacked_bindings")]
    if not counting:
        return exported
    constants = _Constants(exported, kept)
    known: dict[sympy.Symbol, int] = {}
    for node in counting:
        known.update(constants.counts(node))
    numbers = {
        node: value
        for node in exported.graph.nodes
        if is_number(node) and (value := constants.value(node)) is not None
    }
    symbolic = SymbolicProgram(exported)
    if known and free_symbols(exported) <= known.keys():
        return symbolic.at(known, numbers)
    return symbolic.at_numbers(numbers) if numbers else exported


class _Constants:
    """What nodes compute that depend on no input."""

    def __init__(self, exported: ExportedProgram, kept: Collection[str]) -> None:
        held = {**exported.state_dict, **exported.constants}
        placeholders = exported.graph.find_nodes(op="placeholder")
        changed = {*exported.graph_signature.buffers_to_mutate.values(), *kept}
        # What a call writes into has other numbers afterwards.
        self._written = {
            place
            for node in exported.graph.nodes
            for tensor in mutated(node)
            for place in memory_of(tensor)
        }
        self._values: dict[Node, Any] = {
            node: held[spec.target]
            for spec, node in zip(exported.graph_signature.input_specs, placeholders, strict=True)
            if spec.kind in OWN_INPUTS
            and spec.target in held
            and spec.target not in changed
            and node not in self._written
        }

    def counts(self, node: Node) -> dict[sympy.Symbol, int]:
        """The symbols that a node's result brings along, where their numbers are known."""
        if is_number(node):
            expression = getattr(getattr(node.meta["val"], "node", None), "expr", None)
            number = self.value(node)
            is_known = isinstance(expression, sympy.Symbol) and type(number) is int
            return {expression: number} if is_known else {}
        shape = self._shape(node)
        fake = node.meta["val"]
        if shape is None or not isinstance(fake, torch.Tensor):
            return {}
        pairs = zip(map(size_expression, fake.shape), shape, strict=True)
        return {size: number for size, number in pairs if isinstance(size, sympy.Symbol)}

    def _shape(self, node: Node) -> tuple[int, ...] | None:
        if node.target is torch.ops.aten.index.Tensor:
            # What is looked up may be computed: how much of it, the masks say.
            like, indices = node.args
            given = self._all(indices)
            sizes = like.meta["val"].shape  # type: ignore[union-attr]
            if given is None or not all(isinstance(size, int) for size in sizes):
                return None
            return tuple(torch.empty(sizes, device="meta")[tuple(_places(given))].shape)
        value = self.value(node)
        return tuple(value.shape) if isinstance(value, torch.Tensor) else None

    def value(self, node: Node) -> Any:
        """None where an input is needed."""
        if node not in self._values:
            arguments = self._all((node.args, node.kwargs))
            self._values[node] = None
            is_kept = not self._written & memory_of(node)
            if arguments is not None and is_kept and _computes(node):
                args, kwargs = arguments
                with torch.no_grad():
                    self._values[node] = node.target(*args, **kwargs)  # type: ignore[operator]
        return self._values[node]

    def _all(self, arguments: Any) -> Any:
        """Arguments with values for nodes; None where one is not constant."""
        nodes: list[Node] = []
        map_arg(arguments, nodes.append)
        if any(self.value(node) is None for node in nodes):
            return None
        return map_arg(arguments, self._values.__getitem__)


def _computes(node: Node) -> bool:
    """A call whose result depends on its arguments alone, and that changes none of them."""
    if not isinstance(node.target, torch._ops.OpOverload):
        return is_number(node) or node.target is operator.getitem
    seeded = torch.Tag.nondeterministic_seeded in node.target.tags
    return not node.target._schema.is_mutable and not seeded


def _places(indices: Any) -> list[Any]:
    """Masks as positions, of which a tensor without data can be asked."""
    places: list[Any] = []
    for one in indices:
        if isinstance(one, torch.Tensor) and one.dtype is torch.bool:
            places += [at.to("meta") for at in one.nonzero(as_tuple=True)]
        else:
            places.append(slice(None) if one is None else one.to("meta"))
    return places
