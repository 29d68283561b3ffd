"""Splits composite operators that no lowering claims into those that they are composed of.

Each is traced by itself and put in its place, so the time is linear in the graph.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch._decomp import _core_aten_decompositions_post_autograd
from torch._ops import OpOverload
from torch._subclasses.functional_tensor import dispatch_functionalize
from torch.fx import Graph, GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx

from nnapi_core.graph.inline_graph_module import splice
from nnapi_core.graph.program import Program, TorchConstant
from nnapi_core.plugins.registry import Registry

# An operator that decomposes into itself would never end.
_DEEPEST = 16


@cache
def core_table() -> dict[Any, Callable[..., Any]]:
    """Torch's decompositions into core ATen."""
    return dict(_core_aten_decompositions_post_autograd())


def decompose(program: Program, registry: Registry) -> None:
    """Puts what composite operators are composed of in their place, until every operator is claimed or none is one.

    Torch itself calls these operators for them, so that what runs in torch stays torch's. Operators of other kinds are
    decomposed for NNAPI alone (`rewritten`).
    """
    depths: dict[Node, int] = {}
    pending = list(program.graph.nodes)
    while pending:
        node = pending.pop()
        target = node.target
        if not isinstance(target, OpOverload) or not _is_split(target, registry):
            continue
        depth = depths.pop(node, 0)
        if depth >= _DEEPEST:
            continue
        inlined = _inline(program, node, target.decompose)
        for new in inlined:
            depths[new] = depth + 1
        pending.extend(inlined)


def _is_split(target: OpOverload, registry: Registry) -> bool:
    """Is it composite, and nothing is to be done with all of it?"""
    whole = target in registry.lowerings or target in registry.decompositions
    return not whole and target not in core_table() and is_composite(target)


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
            hold_tensor(program, one)
    return new


def hold_tensor(program: Program, node: Node) -> None:
    """A tensor that the decomposition brings along is a constant."""
    tensor = program.attributes[str(node.target)]
    if isinstance(tensor, torch.Tensor):
        program.constants[node] = TorchConstant(
            tuple(tensor.shape),
            tensor.dtype,
            lambda: tensor,
            ("decomposed", id(program), node.name),
        )
