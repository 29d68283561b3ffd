"""Which tensors of a graph lie in the same memory, and which calls write into it."""

from __future__ import annotations

import torch
from torch._ops import OpOverload
from torch.fx import Node

# They return their input itself when they have nothing to do, which their schemas do not say.
_MAY_RETURN_INPUT = {
    torch.ops.aten.dropout.default,
    torch.ops.aten.feature_dropout.default,
    torch.ops.aten.alpha_dropout.default,
    torch.ops.aten.feature_alpha_dropout.default,
}


def memory_of(tensor: Node) -> set[Node]:
    """The placeholders and results that a tensor may lie in, itself included."""
    found: set[Node] = set()
    pending = [tensor]
    while pending:
        node = pending.pop()
        if node not in found:
            found.add(node)
            pending += _aliased(node)
    return found


def _aliased(node: Node) -> list[Node]:
    """The arguments that a call's result may share memory with."""
    if not aliases_input(node):
        return []
    if not isinstance(node.target, OpOverload) or node.target in _MAY_RETURN_INPUT:
        return list(node.all_input_nodes)
    arguments = zip(node.args, node.target._schema.arguments, strict=False)
    return [
        one
        for value, argument in arguments
        if argument.alias_info is not None
        for one in (value if isinstance(value, (list, tuple)) else [value])
        if isinstance(one, Node)
    ]


def mutated(node: Node) -> list[Node]:
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


def aliases_input(node: Node) -> bool:
    """May a result of this call share memory with an argument?"""
    if not isinstance(node.target, OpOverload):
        return node.op == "call_function"  # getitem, higher-order operators
    returns = node.target._schema.returns
    return node.target in _MAY_RETURN_INPUT or any(one.alias_info is not None for one in returns)
