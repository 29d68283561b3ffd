"""Tells what depends on the inputs from what does not, and folds the latter without computing it yet."""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable
from functools import cache
from typing import Any, Protocol

import torch
import torch.utils._pytree as pytree
from torch._ops import OpOverload
from torch.fx import Graph, Node

from nnapi_core.graph.program import TorchConstant
from nnapi_core.nnapi.constant import Constant

aten = torch.ops.aten

_PASSING = {aten.clone.default, aten.detach.default, aten.alias.default, aten.contiguous.default,
            aten.lift_fresh_copy.default, aten.detach_.default}  # fmt: skip
_RESHAPING = {aten.view.default, aten.reshape.default, aten._unsafe_view.default,
              aten.unsqueeze.default, aten.squeeze.default, aten.squeeze.dim, aten.squeeze.dims,
              aten.flatten.using_ints}  # fmt: skip
_PERMUTING = {aten.t.default, aten.transpose.int, aten.permute.default, aten.numpy_T.default}

# Results up to this size are kept once computed; larger ones are computed again when they are written.
_KEEP_BYTES = 1 << 20


class HoldsConstants(Protocol):
    """A graph, those of its nodes that are fixed tensors, and how it gets new ones. A `Program` is one."""

    graph: Graph
    constants: dict[Node, TorchConstant]
    folded: dict[Hashable, int]

    def add_constant(
        self, name: str, value: torch.Tensor, load: Callable[[], torch.Tensor], like: Node
    ) -> Node: ...


def fold_constants(program: HoldsConstants) -> None:
    """Adds every node that is computed from constants alone to ``program.constants``."""
    for node in program.graph.nodes:
        if node.op == "call_function" and _is_fixed(node, program):
            value = node.meta.get("val")
            if _is_plain(value):
                program.constants[node] = _folded(node, value, program)


def _is_plain(value: Any) -> bool:
    """A tensor of a known size whose elements all lie in memory."""
    return (
        isinstance(value, torch.Tensor)
        and value.layout is torch.strided
        and all(isinstance(dim, int) for dim in value.shape)
    )


def _is_fixed(node: Node, program: HoldsConstants) -> bool:
    if node.target is operator.getitem:
        return _is_fixed(node.args[0], program)  # type: ignore[arg-type]
    if not isinstance(node.target, OpOverload) or node.target._schema.is_mutable:
        return False
    if torch.Tag.nondeterministic_seeded in node.target.tags:
        return False
    return all(one in program.constants for one in node.all_input_nodes)


def _folded(node: Node, value: torch.Tensor, program: HoldsConstants) -> TorchConstant:
    def compute() -> torch.Tensor:
        value: torch.Tensor = _evaluate(node, program)
        return value.detach()

    small = value.numel() * value.element_size() <= _KEEP_BYTES
    return TorchConstant(
        tuple(value.shape),
        value.dtype,
        cache(compute) if small else compute,
        _key(node, program),
        _reordered(node, program),
    )


def _key(node: Node, program: HoldsConstants) -> Hashable:
    """The same call of the same constants is the same constant."""

    def named(one: Node) -> object:
        constant = program.constants.get(one)
        return ("of", _key(one, program) if constant is None else constant.key)

    args, kwargs = pytree.tree_map_only(Node, named, (node.args, node.kwargs))
    call = (str(node.target), repr(args), repr(kwargs))
    # By number, so that keys do not grow with the depth of the graph.
    return ("folded", id(program), program.folded.setdefault(call, len(program.folded)))


def _reordered(node: Node, program: HoldsConstants) -> Callable[[], Constant] | None:
    """For calls that only permute, reshape or pass on."""
    sources = node.all_input_nodes
    if len(sources) != 1 or sources[0] not in program.constants:
        return None
    source = program.constants[sources[0]]
    shape = tuple(int(dim) for dim in node.meta["val"].shape)
    if node.target in _PASSING and source.dtype is node.meta["val"].dtype:
        return source.constant
    if node.target in _RESHAPING:
        return lambda: source.constant().reshape(shape)
    if node.target in _PERMUTING:
        sizes = list(range(2, 2 + len(source.shape)))
        probe = torch.empty(sizes, device="meta")
        args = (probe, *node.args[1:])
        order = [sizes.index(dim) for dim in node.target(*args, **node.kwargs).shape]
        return lambda: source.constant().transpose(order)
    return None


def _evaluate(node: Node, program: HoldsConstants) -> Any:
    def value(one: Node) -> Any:
        constant = program.constants.get(one)
        return constant.load() if constant is not None else _evaluate(one, program)

    args, kwargs = pytree.tree_map_only(Node, value, (node.args, node.kwargs))
    with torch.no_grad():
        return node.target(*args, **kwargs)  # type: ignore[operator]
