"""The mode in which a quantised model takes and gives integers."""

from __future__ import annotations

import torch
from torch.fx import Node

from nnapi_core.errors import ConversionError
from nnapi_core.graph.program import Program
from nnapi_core.graph.quantised.quantize_calls import is_quantize


def take_integers(program: Program) -> None:
    """Makes the integers that float inputs are rounded to, and those behind float results, the model's own.

    Raises `ConversionError` for a float input or result that has none: an app must not have to guess. States stay
    floats where they are.
    """
    for node in program.user_inputs:
        if node.meta["val"].is_floating_point():
            _enter_as_integers(program, node)
    (output,) = program.graph.find_nodes(op="output")
    results = []
    kept = program.results[len(program.results) - len(program.states) :]
    for result in program.results[: len(program.results) - len(program.states)]:
        if isinstance(result, Node) and result.meta["val"].is_floating_point():
            if result not in program.dequantised:
                raise _no_integers(result, "result", "quantise what computes it")
            result = program.dequantised[result]
        results.append(result)
    output.args = ((*results, *kept),)
    program.graph.eliminate_dead_code()


def _enter_as_integers(program: Program, node: Node) -> None:
    readers = list(node.users)
    if len(readers) != 1 or not is_quantize(readers[0]) or readers[0] not in program.quants:
        raise _no_integers(node, "input", "quantise it once, before anything reads it")
    (rounded,) = readers
    program.quants[node] = program.quants.pop(rounded)
    node.meta["val"] = torch.empty_like(node.meta["val"], dtype=rounded.meta["val"].dtype)
    for again, source in list(program.dequantised.items()):
        if source is rounded:
            program.dequantised[again] = node
    rounded.replace_all_uses_with(node)
    program.graph.erase_node(rounded)


def _no_integers(node: Node, what: str, remedy: str) -> ConversionError:
    return ConversionError(
        f"quantized_io: the {what} {node.name!r} has no integers of its own; {remedy}, "
        "or convert with quantized_io=False"
    )
