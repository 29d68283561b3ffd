"""The graphs that control flow calls, as programs of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.fx import Graph, GraphModule, Node

from nnapi_core.graph.input_output_trees import NO_BORDERS
from nnapi_core.graph.passes.functionalise import functional_module
from nnapi_core.graph.program import Branch, Program, source_of

COND = torch.ops.higher_order.cond
WHILE_LOOP = torch.ops.higher_order.while_loop


def branches_of(program: Program, node: Node) -> tuple[Branch, ...]:
    """Of a call of ``cond``: (then, else); of ``while_loop``: (condition, body); none for any other call."""
    if node.target is COND:
        _, *graphs, operands = node.args
        fixed = list(operands)  # type: ignore[arg-type]
    elif node.target is WHILE_LOOP:
        *graphs, carried, additional = node.args
        # A loop changes what it carries, whatever it begins with.
        fixed = [None] * len(carried) + list(additional)  # type: ignore[arg-type]
    else:
        return ()
    return tuple(_branch(program, node, one, fixed) for one in graphs)


def _branch(program: Program, call: Node, graph: Any, operands: Sequence[Any]) -> Branch:
    module = functional_module(program.attributes[str(graph.target)])
    inner = Graph()
    inner.output(_as_tuple(inner.graph_copy(module.graph, {})))
    parameters = inner.find_nodes(op="placeholder")
    constants = {
        parameter: program.constants[operand]
        for parameter, operand in zip(parameters, operands, strict=True)
        if isinstance(operand, Node) and operand in program.constants
    }
    attributes = attributes_of(module, inner)
    for node in inner.nodes:
        if not source_of(node):
            node.meta["stack_trace"] = call.meta.get("stack_trace")
    inputs = [parameter for parameter in parameters if parameter not in constants]
    return Branch(Program(inner, attributes, inputs, constants, NO_BORDERS), tuple(parameters))


def attributes_of(module: GraphModule, graph: Graph) -> dict[str, Any]:
    """What the ``get_attr`` nodes of ``graph`` name in ``module``."""
    return {
        str(node.target): getattr(module, str(node.target))
        for node in graph.find_nodes(op="get_attr")
    }


def _as_tuple(results: Any) -> tuple[Any, ...]:
    return tuple(results) if isinstance(results, (tuple, list)) else (results,)
