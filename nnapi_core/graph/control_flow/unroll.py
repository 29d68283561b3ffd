"""Control flow that is decided at conversion: loops of known length are unrolled, known conditions are taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.fx import GraphModule, Node

from nnapi_core.graph.control_flow.branches import COND
from nnapi_core.graph.control_flow.scan_to_while import looped
from nnapi_core.graph.inline_graph_module import inserted, redirect, splice
from nnapi_core.graph.passes.fold_constants import fold_constants
from nnapi_core.graph.passes.functionalise import functional_module
from nnapi_core.graph.program import Program

aten = torch.ops.aten
_SCAN = torch.ops.higher_order.scan
_MAP = torch.ops.higher_order.map_impl

# Longer ones become loops: unrolled, they are as many operations as their steps have together.
MOST_NODES = 8192


def unroll(program: Program) -> None:
    """Rewrites calls of ``scan``, ``map`` and ``cond`` in place, those inside of others' bodies included."""
    pending = list(program.graph.nodes)
    while pending:
        node = pending.pop()
        if node.target is _SCAN:
            graph, carried, sequences, additional = node.args
            pending += _unrolled(program, node, graph, carried, sequences, additional)
        elif node.target is _MAP:
            graph, sequences, additional = node.args
            pending += _unrolled(program, node, graph, (), sequences, additional)
        elif node.target is COND:
            pending += _taken(program, node)


def _unrolled(
    program: Program,
    call: Node,
    graph: Any,
    carried: Sequence[Any],
    sequences: Sequence[Node],
    additional: Sequence[Any],
) -> list[Node]:
    """A copy of the body for each element along the first dimension of ``sequences``.

    The body takes what is carried, an element of each sequence, and the additional operands; it gives what is carried
    on, and an element of each result.
    """
    body = functional_module(program.attributes[str(graph.target)])
    steps = sequences[0].meta["val"].shape[0]
    if not isinstance(steps, int) or not steps:
        return []
    if steps * len(body.graph.nodes) > MOST_NODES:
        return looped(program, call, body, carried, sequences, additional)
    new: list[Node] = []
    elements: list[list[Node]] = []
    for step in range(steps):
        parts = [_element(call, sequence, step) for sequence in sequences]
        added, results = inserted(program.attributes, call, body, [*carried, *parts, *additional])
        new += parts + added
        carried = results[: len(carried)]
        elements.append(list(results[len(carried) :]))
    stacked = [
        _stacked(call, list(parts), call.meta["val"][len(carried) + index])
        for index, parts in enumerate(zip(*elements, strict=True))
    ]
    redirect(call, [*carried, *stacked])
    call.graph.erase_node(call)
    return new + stacked


def _element(call: Node, sequence: Node, step: int) -> Node:
    with call.graph.inserting_before(call):
        node = call.graph.call_function(aten.select.int, (sequence, 0, step))
    value = sequence.meta["val"]
    node.meta["val"] = value[step]
    node.meta["stack_trace"] = call.meta.get("stack_trace")
    return node


def _stacked(call: Node, steps: list[Node], value: torch.Tensor) -> Node:
    with call.graph.inserting_before(call):
        node = call.graph.call_function(aten.stack.default, (steps, 0))
    node.meta["val"] = value
    node.meta["stack_trace"] = call.meta.get("stack_trace")
    return node


def _taken(program: Program, call: Node) -> list[Node]:
    """The branch of a condition that does not depend on the inputs."""
    condition, then_graph, else_graph, operands = call.args
    value = _known(program, condition)
    if value is None:
        return []
    taken: Any = then_graph if value else else_graph
    module: GraphModule = functional_module(program.attributes[str(taken.target)])
    return splice(program.attributes, call, module, operands)  # type: ignore[arg-type]


def _known(program: Program, condition: Any) -> bool | None:
    if not isinstance(condition, Node):
        return condition if isinstance(condition, bool) else None
    before = dict(program.constants)
    fold_constants(program)
    constant = program.constants.get(condition)
    value = None if constant is None else bool(constant.load().item())
    # What was folded may yet be decomposed: it is folded again afterwards.
    program.constants = before
    return value
