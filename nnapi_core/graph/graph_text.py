"""A torch graph as text: a call a line, with the dtype and shape of its result and the user's source line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.fx import Graph, Node
from torch.fx.node import map_arg

from nnapi_core.graph.program import Program, source_of


def described_value(value: Any) -> str:
    """``float32 [1, 3]`` for a tensor, a number as it is."""
    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(described_value, value))})"
    if not isinstance(value, torch.Tensor):
        return str(value)
    return f"{str(value.dtype).removeprefix('torch.')} [{', '.join(map(str, value.shape))}]"


def graph_lines(graph: Graph) -> Iterator[str]:
    """The calls of any torch graph, in order."""
    for node in graph.nodes:
        yield _line(node, "")


def program_lines(program: Program, indent: str = "") -> Iterator[str]:
    """The same of a `Program`: which nodes are constants, what integers mean, and the graphs of control flow."""
    for node in program.graph.nodes:
        notes = ""
        if node in program.constants:
            notes = " (constant)"
        elif node in program.inputs:
            notes = " (input)"
        if node in program.quants:
            notes += f" ({program.quants[node]})"
        yield indent + _line(node, notes)
        if node in program.rewritten:
            yield f"{indent}  {node.name} for NNAPI:"
            yield from program_lines(program.rewritten[node].program, indent + "    ")
        for number, branch in enumerate(program.branches.get(node, ())):
            yield f"{indent}  graph {number} of {node.name}:"
            yield from program_lines(branch.program, indent + "    ")


def _line(node: Node, notes: str) -> str:
    if node.op == "output":
        return f"return {_arguments(node)}"
    if node.op == "placeholder":
        said = f"{node.name}"
    elif node.op == "get_attr":
        said = f"{node.name} = {node.target}"
    else:
        said = f"{node.name} = {node.target}({_arguments(node)})"
    source = source_of(node)
    value = f": {described_value(node.meta['val'])}" if "val" in node.meta else ""
    return f"{said}{value}{notes}{f'  # {source}' if source else ''}"


def _arguments(node: Node) -> str:
    def named(one: Node) -> _Name:
        return _Name(one.name)

    args = [repr(map_arg(one, named)) for one in node.args]
    keywords = [f"{key}={map_arg(one, named)!r}" for key, one in node.kwargs.items()]
    return ", ".join(args + keywords)


class _Name(str):
    """A node's name without quotes around it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)
