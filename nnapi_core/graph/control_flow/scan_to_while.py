"""A ``scan`` that is too long to be unrolled, as a ``while_loop``: a counter, and results that fill up row by row."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch.fx import Graph, GraphModule, Node

from nnapi_core.graph.control_flow.branches import WHILE_LOOP
from nnapi_core.graph.inline_graph_module import inserted, redirect
from nnapi_core.graph.program import Program

aten = torch.ops.aten


def looped(
    program: Program,
    call: Node,
    body: GraphModule,
    carried: Sequence[Any],
    sequences: Sequence[Node],
    additional: Sequence[Any],
) -> list[Node]:
    """Replaces the call; returns the new nodes. The arguments are those of `unroll`."""
    steps = sequences[0].meta["val"].shape[0]
    stacked = list(call.meta["val"])[len(carried) :]
    mode = sequences[0].meta["val"].fake_mode
    with mode, call.graph.inserting_before(call):
        counter = _made(call.graph, aten.zeros.default, [], dtype=torch.int64)
        rows = [
            _made(call.graph, aten.zeros.default, list(one.shape), dtype=one.dtype)
            for one in stacked
        ]
        state, rest = [counter, *carried, *rows], [*sequences, *additional]
        check = _held(program, call, _condition([*state, *rest], steps))
        step = _held(program, call, _step(program, body, state, rest, len(carried), len(sequences)))
        loop = call.graph.call_function(
            WHILE_LOOP, (check, step, tuple(state), tuple(rest)), name=f"{call.name}_loop"
        )
        loop.meta["val"] = tuple(one.meta["val"] for one in state)
        results = []
        for place in range(1, len(state)):
            result = call.graph.call_function(operator.getitem, (loop, place))
            result.meta["val"] = state[place].meta["val"]
            results.append(result)
    new = [counter, *rows, check, step, loop, *results]
    for one in new:
        one.meta["stack_trace"] = call.meta.get("stack_trace")
    redirect(call, results)
    call.graph.erase_node(call)
    return new


def _condition(operands: Sequence[Node], steps: int) -> GraphModule:
    """Is the counter below the number of steps?"""
    graph = Graph()
    counter, *_ = [_parameter(graph, one) for one in operands]
    graph.output((_made(graph, aten.lt.Scalar, counter, steps),))
    return GraphModule(torch.nn.Module(), graph)


def _step(
    program: Program,
    body: GraphModule,
    state: Sequence[Node],
    rest: Sequence[Node],
    carried: int,
    sequences: int,
) -> GraphModule:
    """One call of the body, whose results become the row that the counter says."""
    graph = Graph()
    counter, *others = [_parameter(graph, one) for one in [*state, *rest]]
    values, rows = others[:carried], others[carried : len(state) - 1]
    given = others[len(state) - 1 :]
    place = _made(graph, aten.reshape.default, counter, [1])
    elements = []
    for sequence in given[:sequences]:
        row = _made(graph, aten.index_select.default, sequence, 0, place)
        elements.append(_made(graph, aten.squeeze.dim, row, 0))
    output = graph.output(())
    attributes: dict[str, Any] = {}
    _, results = inserted(attributes, output, body, [*values, *elements, *given[sequences:]])
    following = list(results[:carried])
    with graph.inserting_before(output):
        for row, result in zip(rows, results[carried:], strict=True):
            shape = row.meta["val"].shape
            numbers = _made(graph, aten.arange.default, shape[0], dtype=torch.int64)
            here = _made(graph, aten.eq.Tensor, numbers, counter)
            mask = _made(graph, aten.reshape.default, here, [-1, *[1] * (len(shape) - 1)])
            new = _made(graph, aten.unsqueeze.default, result, 0)
            following.append(_made(graph, aten.where.self, mask, new, row))
        counted = _made(graph, aten.add.Tensor, counter, 1)
    output.args = ((counted, *following),)
    return GraphModule(attributes, graph)


def _parameter(graph: Graph, operand: Node) -> Node:
    node = graph.placeholder(operand.name)
    node.meta["val"] = operand.meta["val"]
    return node


def _made(graph: Graph, target: Any, *args: Any, **kwargs: Any) -> Node:
    node = graph.call_function(target, args, kwargs)
    values = [one.meta["val"] if isinstance(one, Node) else one for one in args]
    node.meta["val"] = target(*values, **kwargs)
    return node


def _held(program: Program, call: Node, module: GraphModule) -> Node:
    """A graph as an attribute of the program."""
    name = f"{call.name}_graph_{len(program.attributes)}"
    program.attributes[name] = module
    return call.graph.get_attr(name)
