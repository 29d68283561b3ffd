"""Compares a quantised program's conversion with the graph itself, call by call.

Each rounded tensor is made an output, and what a call should have given is computed by torch from the integers
that NNAPI gave to it: so a difference of one layer is not counted again in the next.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from attrs import frozen
from torch.export import ExportedProgram
from torch.fx import GraphModule, Interpreter, Node

import nnapi_core
from nnapi_core.graph.quantised.quantize_calls import is_quantize


@frozen
class RoundedLayer:
    """How far the integers of one tensor are from torch's."""

    name: str
    steps: torch.Tensor

    @property
    def worst(self) -> int:
        return int(self.steps.max())

    @property
    def share_within_one(self) -> float:
        return float((self.steps <= 1).float().mean())

    @property
    def share_equal(self) -> float:
        return float((self.steps == 0).float().mean())


def compare_layers(
    program: ExportedProgram, args: tuple[Any, ...], **options: Any
) -> list[RoundedLayer]:
    """Every rounded tensor of the program; ``options`` are those of `nnapi_core.convert`."""
    return compare_with_result(program, args, **options)[0]


def compare_with_result(
    program: ExportedProgram, args: tuple[Any, ...], **options: Any
) -> tuple[list[RoundedLayer], Any]:
    """The same, and what torch makes of the integers that NNAPI gave: the program's result but for their steps."""
    graph = program.module()
    rounded = [node for node in graph.graph.nodes if is_quantize(node) and node.users]
    everything = copy.deepcopy(graph)
    (output,) = everything.graph.find_nodes(op="output")
    named = {node.name: node for node in everything.graph.nodes}
    output.args = (tuple(named[node.name] for node in rounded),)
    # torch.export has no codegen for inputs that are taken apart, so results are flat.
    flat = GraphModule(everything, everything.graph)
    flat.graph._codegen = torch.fx.graph.CodeGen()
    flat.recompile()
    converted = nnapi_core.convert(
        torch.export.export(flat, args), args, fallback="error", **options
    )
    given = dict(zip([node.name for node in rounded], converted(*args), strict=True))
    wanted = _FromGiven(graph, given)
    with torch.no_grad():
        result = wanted.run(*args)
    layers = [
        RoundedLayer(name, (_unsigned(given[name]) - _unsigned(wanted.computed[name])).abs())
        for name in given
    ]
    return layers, result


def _unsigned(tensor: torch.Tensor) -> torch.Tensor:
    """int8 as the uint8 that it becomes below level 30."""
    shift = 128 if tensor.dtype is torch.int8 else 0
    return tensor.to(torch.int32) + shift


class _FromGiven(Interpreter):
    """Runs a graph in which each rounded tensor is replaced by the one that was given."""

    def __init__(self, graph: GraphModule, given: dict[str, torch.Tensor]) -> None:
        super().__init__(graph)
        self.given = given
        self.computed: dict[str, torch.Tensor] = {}

    def run_node(self, n: Node) -> Any:
        result = super().run_node(n)
        if n.name in self.given:
            self.computed[n.name] = result
            given = self.given[n.name]
            return (
                given
                if given.dtype is result.dtype
                else (given.to(torch.int16) - 128).to(torch.int8)
            )
        return result
