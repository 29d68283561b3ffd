"""Replaces in-place operators by their functional twins.

Two ways: a tensor that nothing else aliases is simply renamed from the mutation on, which is linear and covers
``relu_`` and ``+=`` as models use them; anything else (writes through views) goes through torch's own
functionalisation, which is right but takes time that grows faster than the graph.
"""

from __future__ import annotations

from typing import Any

import torch
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


def _rename(graph: Graph) -> bool:
    """Renames mutated tensors; False (and the graph untouched) where one of them has an alias."""
    replaced: list[tuple[Node, Node, OpOverload]] = []
    aliased: set[Node] = set()
    for node in graph.nodes:
        written = _mutated(node)
        if written:
            twin = _functional_twin(node.target)
            if twin is None or len(written) != 1 or written[0] in aliased:
                return False
            if written[0].op == "placeholder":
                return False
            replaced.append((node, written[0], twin))
        elif _aliases_input(node):
            aliased.add(node)
            aliased.update(node.all_input_nodes)
    position = {node: index for index, node in enumerate(graph.nodes)}
    for node, tensor, twin in replaced:
        later = [user for user in tensor.users if position[user] > position[node]]
        node.target = twin
        for user in later:
            user.replace_input_with(tensor, node)
    return True
