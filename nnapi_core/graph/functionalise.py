"""Replaces in-place operators by their functional twins.

Two ways: a tensor whose memory nobody reads by another name afterwards is simply renamed from the mutation on,
which is linear and covers ``relu_`` and ``+=`` as models use them; anything else (writes through views) goes through
torch's own functionalisation, which is right but takes time that grows faster than the graph.
"""

from __future__ import annotations

from typing import Any

import torch
from attrs import define
from torch._ops import OpOverload
from torch._subclasses.functional_tensor import dispatch_functionalize
from torch.export import ExportedProgram
from torch.export.graph_signature import ExportGraphSignature
from torch.fx import Graph, GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx

from nnapi_core.graph.regions import inline_regions

# They return their input itself when they have nothing to do, which their schemas do not say.
_MAY_RETURN_INPUT = {
    torch.ops.aten.dropout.default,
    torch.ops.aten.feature_dropout.default,
    torch.ops.aten.alpha_dropout.default,
    torch.ops.aten.feature_alpha_dropout.default,
}


def functionalise(
    exported: ExportedProgram,
) -> tuple[Graph, dict[str, Any], ExportGraphSignature]:
    """A copy of the program's graph without mutation inside, what its ``get_attr`` nodes name, and its signature."""
    graph, attributes = _flat_copy(exported.graph_module)
    if any(map(_mutated, graph.nodes)) and not _rename(graph):
        exported = exported.run_decompositions({})
        graph, attributes = _flat_copy(exported.graph_module)
    return graph, attributes, exported.graph_signature


def functional_module(module: GraphModule) -> GraphModule:
    """The same for a graph that control flow calls. What cannot be rewritten stays as it is."""
    graph, attributes = _flat_copy(module)
    if any(map(_mutated, graph.nodes)) and not _rename(graph):
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


def _mutated(node: Node) -> list[Node]:
    """The tensors that a call writes to."""
    if not isinstance(node.target, OpOverload) or not node.target._schema.is_mutable:
        return []
    written: list[Node] = []
    for position, argument in enumerate(node.target._schema.arguments):
        if argument.alias_info is None or not argument.alias_info.is_write:
            continue
        value = node.args[position] if position < len(node.args) else node.kwargs.get(argument.name)
        written += [value] if isinstance(value, Node) else list(value or ())  # type: ignore[arg-type]
    return written


def _aliases_input(node: Node) -> bool:
    """May a result of this call share memory with an argument?"""
    if not isinstance(node.target, OpOverload):
        return node.op == "call_function"  # getitem, higher-order operators
    returns = node.target._schema.returns
    return node.target in _MAY_RETURN_INPUT or any(one.alias_info is not None for one in returns)


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


def _rename(graph: Graph) -> bool:
    """Renames mutated tensors; False (and the graph untouched) where somebody reads the change by another name."""
    position = {node: index for index, node in enumerate(graph.nodes)}
    replaced: list[tuple[Node, Node, OpOverload]] = []
    lies_in: dict[Node, _Memory] = {}
    for node in graph.nodes:
        last = max((position[user] for user in node.users), default=-1)
        lies_in[node] = memory = _Memory([node], [(last, node)], node.op != "call_function")
        written = _mutated(node)
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
        if written or _aliases_input(node):
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
