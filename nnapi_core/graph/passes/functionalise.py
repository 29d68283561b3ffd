"""Replaces in-place operators by their functional twins.

Two ways: a tensor whose memory nobody reads by another name afterwards is simply renamed from the mutation on,
which is linear and covers ``relu_`` and ``+=`` as models use them; anything else (writes through views) goes through
torch's own functionalisation, which is right but takes time that grows faster than the graph. It also writes out what
``torch.func`` makes of functions.
"""

from __future__ import annotations

from collections.abc import Container
from contextlib import suppress
from typing import Any

import torch
from attrs import define
from torch._ops import OpOverload
from torch._subclasses.functional_tensor import dispatch_functionalize
from torch.export import ExportedProgram
from torch.export.graph_signature import ExportGraphSignature
from torch.fx import Graph, GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx

from nnapi_core.errors import ConversionError
from nnapi_core.graph.deep_copies import functional_copy
from nnapi_core.graph.passes.aliasing import aliases_input, mutated
from nnapi_core.graph.passes.buffers_to_state import states_of, with_states, with_values_apart
from nnapi_core.graph.passes.inline_regions import inline_regions


def functionalise(
    exported: ExportedProgram,
) -> tuple[Graph, dict[str, Any], ExportGraphSignature]:
    """A copy of the program's graph without mutation inside, what its ``get_attr`` nodes name, and its signature."""
    graph, attributes = _flat_copy(exported.graph_module)
    exported = with_states(exported, graph, attributes)
    transforms = any(map(_is_transform, graph.nodes))
    if transforms or (any(map(mutated, graph.nodes)) and not rename_written(graph)):
        what = (
            "transforms functions (torch.func, vmap, gradients) in a way that torch.export cannot write out"
            if transforms
            else "writes into tensors in a way that torch cannot make functional"
        )
        exported = _functional(exported, what)
        graph, attributes = _flat_copy(exported.graph_module)
    return graph, attributes, exported.graph_signature


def _is_transform(node: Node) -> bool:
    """A mark that ``vmap``, ``jvp`` and their like leave in a graph, around the calls that they change."""
    return str(getattr(node.target, "__module__", "")).startswith("torch._functorch")


def _functional(exported: ExportedProgram, what: str) -> ExportedProgram:
    try:
        return functional_copy(exported)
    except Exception as error:
        with suppress(Exception):
            return functional_copy(with_values_apart(exported))
        raise ConversionError(f"the model {what}: {type(error).__name__}: {error}") from error


def states_changed(exported: ExportedProgram) -> list[str]:
    """The names of what the program keeps from one call to the next."""
    return states_of(exported, _flat_copy(exported.graph_module)[0])


def functional_module(module: GraphModule) -> GraphModule:
    """The same for a graph that control flow calls. What cannot be rewritten stays as it is."""
    graph, attributes = _flat_copy(module)
    if any(map(mutated, graph.nodes)) and not rename_written(graph):
        try:
            functional: GraphModule = make_fx(dispatch_functionalize(module))(
                *(node.meta["val"] for node in module.graph.find_nodes(op="placeholder"))
            )
        except Exception:
            # The operators that write are refused by name.
            return GraphModule(attributes, graph)
        return functional
    return GraphModule(attributes, graph)


def _flat_copy(module: GraphModule) -> tuple[Graph, dict[str, Any]]:
    graph = Graph()
    graph.output(graph.graph_copy(module.graph, {}))
    attributes = {
        str(node.target): getattr(module, str(node.target))
        for node in graph.find_nodes(op="get_attr")
    }
    inline_regions(graph, attributes)
    return graph, attributes


def _functional_twin(target: OpOverload) -> OpOverload | None:
    """``aten.relu_.default`` → ``aten.relu.default``, where the arguments are the same."""
    namespace, name = target._schema.name.split("::")
    if not name.endswith("_") or name.endswith("__"):
        return None
    packet = getattr(getattr(torch.ops, namespace), name[:-1], None)
    twin = getattr(packet, target._overloadname, None) if packet is not None else None
    if twin is None or twin._schema.is_mutable:
        return None
    same = [a.name for a in twin._schema.arguments] == [a.name for a in target._schema.arguments]
    return twin if same else None


@define(eq=False)
class _Memory:
    """What several tensors lie in, each under its own name."""

    names: list[Node]
    last_read: list[tuple[int, Node]]
    """Where the two names that are read last are read last: the written one, and any other."""
    is_outside: bool
    """An input or a constant is among them."""

    def join(self, other: _Memory) -> None:
        self.names += other.names
        reads = [*self.last_read, *other.last_read]
        self.last_read = sorted(reads, key=lambda read: read[0])[-2:]
        self.is_outside |= other.is_outside


def rename_written(graph: Graph, leave: Container[Node] = ()) -> bool:
    """Renames mutated tensors; False (and the graph untouched) where somebody reads the change by another name.

    The calls of ``leave`` stay as they are.
    """
    position = {node: index for index, node in enumerate(graph.nodes)}
    replaced: list[tuple[Node, Node, OpOverload]] = []
    lies_in: dict[Node, _Memory] = {}
    for node in graph.nodes:
        last = max((position[user] for user in node.users), default=-1)
        lies_in[node] = memory = _Memory([node], [(last, node)], node.op != "call_function")
        written = [] if node in leave else mutated(node)
        if written:
            twin = _functional_twin(node.target)
            if twin is None or len(written) != 1:
                return False
            changed = lies_in[written[0]]
            if changed.is_outside or any(
                read > position[node] for read, name in changed.last_read if name is not written[0]
            ):
                return False
            replaced.append((node, written[0], twin))
        if written or aliases_input(node):
            for near in written or node.all_input_nodes:
                memory = _joined(memory, lies_in[near], lies_in)
    for node, tensor, twin in replaced:
        later = [user for user in tensor.users if position[user] > position[node]]
        node.target = twin
        for user in later:
            user.replace_input_with(tensor, node)
    return True


def _joined(one: _Memory, other: _Memory, lies_in: dict[Node, _Memory]) -> _Memory:
    """The two as one. Names move from the smaller to the larger, so that many steps stay cheap."""
    if one is other:
        return one
    large, small = (one, other) if len(one.names) >= len(other.names) else (other, one)
    for name in small.names:
        lies_in[name] = large
    large.join(small)
    return large
