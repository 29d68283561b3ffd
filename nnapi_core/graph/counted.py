"""Sizes that torch counts when the model runs, where what it counts is constant: they are numbers."""

from __future__ import annotations

from typing import Any

import sympy  # type: ignore[import-untyped]
import torch
from torch.export import ExportedProgram
from torch.fx import Node
from torch.fx.node import map_arg

from nnapi_core.graph.free_sizes import CONSTANT_INPUTS, free_symbols, size_expression
from nnapi_core.graph.specialise import SymbolicProgram


def settle_counts(exported: ExportedProgram) -> ExportedProgram:
    """The program with numbers for all of its free sizes, if constants say them; else as it was."""
    counting = [node for node in exported.graph.nodes if node.meta.get("unbacked_bindings")]
    if not counting:
        return exported
    constants = _Constants(exported)
    known: dict[sympy.Symbol, int] = {}
    for node in counting:
        known.update(constants.counts(node))
    is_all = free_symbols(exported) <= known.keys()
    return SymbolicProgram(exported).at(known) if known and is_all else exported


class _Constants:
    """What nodes compute that depend on no input."""

    def __init__(self, exported: ExportedProgram) -> None:
        held = {**exported.state_dict, **exported.constants}
        placeholders = exported.graph.find_nodes(op="placeholder")
        changed = set(exported.graph_signature.buffers_to_mutate.values())
        self._values: dict[Node, Any] = {
            node: held[spec.target]
            for spec, node in zip(exported.graph_signature.input_specs, placeholders, strict=True)
            if spec.kind in CONSTANT_INPUTS and spec.target in held and spec.target not in changed
        }

    def counts(self, node: Node) -> dict[sympy.Symbol, int]:
        """The sizes of a node's result that are symbols of their own, where they are known."""
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
        value = self._value(node)
        return tuple(value.shape) if isinstance(value, torch.Tensor) else None

    def _value(self, node: Node) -> Any:
        """None where an input is needed."""
        if node not in self._values:
            arguments = self._all((node.args, node.kwargs))
            callable_ = node.op == "call_function" and isinstance(
                node.target, torch._ops.OpOverload
            )
            self._values[node] = None
            if arguments is not None and callable_ and not node.target._schema.is_mutable:  # type: ignore[union-attr]
                args, kwargs = arguments
                self._values[node] = node.target(*args, **kwargs)  # type: ignore[operator]
        return self._values[node]

    def _all(self, arguments: Any) -> Any:
        """Arguments with values for nodes; None where one is not constant."""
        nodes: list[Node] = []
        map_arg(arguments, nodes.append)
        if any(self._value(node) is None for node in nodes):
            return None
        return map_arg(arguments, self._values.__getitem__)


def _places(indices: Any) -> list[Any]:
    """Masks as positions, of which a tensor without data can be asked."""
    places: list[Any] = []
    for one in indices:
        if isinstance(one, torch.Tensor) and one.dtype is torch.bool:
            places += [at.to("meta") for at in one.nonzero(as_tuple=True)]
        else:
            places.append(slice(None) if one is None else one.to("meta"))
    return places
