"""Tells what depends on the inputs from what does not, and folds the latter without computing it yet."""

from __future__ import annotations

import operator
from functools import cache
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch._ops import OpOverload
from torch.fx import Node

from nnapi_core.graph.program import Program, TorchConstant

# Results up to this size are kept once computed; larger ones are computed again when they are written.
_KEEP_BYTES = 1 << 20


def fold_constants(program: Program) -> None:
    """Adds every node that is computed from constants alone to ``program.constants``."""
    for node in program.graph.nodes:
        if node.op == "call_function" and _is_fixed(node, program):
            value = node.meta.get("val")
            if isinstance(value, torch.Tensor) and all(isinstance(d, int) for d in value.shape):
                program.constants[node] = _folded(node, value, program)


def _is_fixed(node: Node, program: Program) -> bool:
    if node.target is operator.getitem:
        return _is_fixed(node.args[0], program)  # type: ignore[arg-type]
    if not isinstance(node.target, OpOverload) or node.target._schema.is_mutable:
        return False
    if torch.Tag.nondeterministic_seeded in node.target.tags:
        return False
    return all(one in program.constants for one in node.all_input_nodes)


def _folded(node: Node, value: torch.Tensor, program: Program) -> TorchConstant:
    def compute() -> torch.Tensor:
        value: torch.Tensor = _evaluate(node, program)
        return value.detach()

    small = value.numel() * value.element_size() <= _KEEP_BYTES
    key = ("folded", id(program), node.name)
    return TorchConstant(tuple(value.shape), value.dtype, cache(compute) if small else compute, key)


def _evaluate(node: Node, program: Program) -> Any:
    def value(one: Node) -> Any:
        constant = program.constants.get(one)
        return constant.load() if constant is not None else _evaluate(one, program)

    args, kwargs = pytree.tree_map_only(Node, value, (node.args, node.kwargs))
    with torch.no_grad():
        return node.target(*args, **kwargs)  # type: ignore[operator]
