"""Splits the operators that no lowering claims into smaller ones, and leaves every claimed one whole.

Each is traced by itself and put in its place, so the time is linear in the graph.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch._decomp import _core_aten_decompositions_post_autograd, decomposition_table
from torch._ops import OpOverload
from torch._subclasses.functional_tensor import dispatch_functionalize
from torch.fx import Graph, GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx

from nnapi_core.errors import Unsupported
from nnapi_core.graph.program import Program, TorchConstant
from nnapi_core.graph.splice import splice
from nnapi_core.plugins.registry import Registry

# An operator that decomposes into itself would never end.
_DEEPEST = 16


@cache
def _core_table() -> dict[Any, Callable[..., Any]]:
    return dict(_core_aten_decompositions_post_autograd())


def _decomposition(target: OpOverload, registry: Registry) -> Callable[..., Any] | None:
    """A plugin's, torch's for core ATen, the operator's own, or another of torch's."""
    if target in registry.decompositions:
        return registry.decompositions[target].function
    if target in _core_table():
        return _core_table()[target]
    if is_composite(target):
        return target.decompose
    return decomposition_table.get(target)


def decompose(program: Program, registry: Registry) -> None:
    """Rewrites the graph in place until every operator is claimed or cannot be split further."""
    depths: dict[Node, int] = {}
    pending = list(program.graph.nodes)
    while pending:
        node = pending.pop()
        if not isinstance(node.target, OpOverload) or node.target in registry.lowerings:
            continue
        depth = depths.pop(node, 0)
        function = _decomposition(node.target, registry)
        if function is None or depth >= _DEEPEST:
            continue
        inlined = _inline(program, node, function)
        for new in inlined:
            depths[new] = depth + 1
        pending.extend(inlined)


def spell_out(graph: Graph) -> None:
    """Composite operators of plugins become what they are composed of: stock PyTorch has not got them."""
    for node in list(graph.nodes):
        target = node.target
        if isinstance(target, OpOverload) and target.namespace != "aten" and is_composite(target):
            nodes, inner = traced(node, target.decompose)
            splice({}, node, inner, nodes)


def is_composite(target: OpOverload) -> bool:
    name: str = target.name()  # type: ignore[no-untyped-call]
    return torch._C._dispatch_has_kernel_for_dispatch_key(name, "CompositeImplicitAutograd")


def traced(node: Node, function: Callable[..., Any]) -> tuple[list[Node], GraphModule]:
    """The nodes among the arguments of a call, and what ``function`` does with them."""
    flat, spec = pytree.tree_flatten((node.args, node.kwargs))
    positions = [index for index, value in enumerate(flat) if isinstance(value, Node)]
    nodes = [flat[index] for index in positions]

    def traced(*tensors: torch.Tensor) -> Any:
        values = list(flat)
        for index, tensor in zip(positions, tensors, strict=True):
            values[index] = tensor
        args, kwargs = pytree.tree_unflatten(values, spec)
        result = function(*args, **kwargs)
        # A named tuple would become a call in the graph.
        return tuple(result) if isinstance(result, tuple) else result

    with torch.no_grad():
        trace = make_fx(dispatch_functionalize(traced), _allow_non_fake_inputs=True)
        return nodes, trace(*(one.meta["val"] for one in nodes))


def _inline(program: Program, node: Node, function: Callable[..., Any]) -> list[Node]:
    """Replaces one node by the trace of ``function``; returns the new nodes (none: it could not be traced)."""
    try:
        nodes, inner = traced(node, function)
    except Unsupported as refusal:
        program.unsplit[node] = refusal
        return []
    except Exception:
        # Not traceable: the operator stays whole, and is refused by name if nothing lowers it.
        return []
    if any(
        isinstance(one.target, OpOverload) and one.target.namespace == "prims"
        for one in inner.graph.nodes
    ):
        # Some decompositions end in torch's primitives, which say less than the operator did.
        return []
    new = splice(program.attributes, node, inner, nodes)
    for one in new:
        for key in ("stack_trace", "nn_module_stack"):
            one.meta[key] = node.meta.get(key)
        if one.op == "get_attr":
            _hold(program, one)
    return new


def _hold(program: Program, node: Node) -> None:
    """A tensor that the decomposition brings along is a constant."""
    tensor = program.attributes[str(node.target)]
    if isinstance(tensor, torch.Tensor):
        program.constants[node] = TorchConstant(
            tuple(tensor.shape),
            tensor.dtype,
            lambda: tensor,
            ("decomposed", id(program), node.name),
        )
