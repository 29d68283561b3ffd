"""A CPU piece as a module of torch calls. Its weights are those of the artifact, which NNAPI's pieces share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from attrs import frozen
from torch.fx import Graph, GraphModule, Node

from nnapi_core.errors import Unsupported
from nnapi_core.graph.numbers import sources_of
from nnapi_core.graph.passes.decompose import spell_out
from nnapi_core.graph.program import Program, TorchConstant
from nnapi_core.lowering.partition.choose_nnapi_or_cpu import Piece
from nnapi_core.nnapi.constant import Constant, Reordering
from nnapi_core.nnapi.serialize import IMMEDIATE_BYTES, WeightTable

_STORED = {np.dtype(code) for code in ("f4", "f2", "f8", "i8", "i4", "i2", "i1", "u1", "?")}

aten = torch.ops.aten


@frozen
class ReadWeight:
    """A numbered weight as a torch piece reads it: reordered by ``steps``."""

    number: int
    steps: tuple[Reordering, ...]

    def described(self) -> dict[str, Any]:
        """For the manifest."""
        return {"weight": self.number, "steps": [_step(one) for one in self.steps]}


def _step(step: Reordering) -> list[Any]:
    if step.permutation is None:
        return ["reshape", list(step.after)]
    return ["permute", list(step.permutation)]


def torch_piece(
    program: Program, piece: Piece, weights: WeightTable
) -> tuple[GraphModule, list[ReadWeight]]:
    """The nodes of a CPU piece as a module: it takes its inputs in order, then the weights that it reads,
    and returns a tuple of its outputs."""
    graph = Graph()
    root = torch.nn.Module()
    mapping: dict[Node, Node] = {}
    read: list[ReadWeight] = []

    def placeholder(node: Node) -> None:
        mapping[node] = graph.placeholder(node.name)
        mapping[node].meta["val"] = node.meta["val"]

    def copied(node: Node) -> Node:
        if node not in mapping:
            if node in program.constants and _integers(program, node) is None:
                name = f"constant_{len(mapping)}"
                root.register_buffer(name, program.constants[node].load().detach())
                mapping[node] = graph.get_attr(name)
                mapping[node].meta["val"] = node.meta["val"]
            elif node.op == "get_attr":
                setattr(root, str(node.target), program.attributes[str(node.target)])
                mapping[node] = graph.get_attr(str(node.target))
            else:
                mapping[node] = graph.node_copy(node, copied)
        return mapping[node]

    for node in piece.inputs:
        placeholder(node)
    for node, weight in stored_weights(program, piece):
        read.append(ReadWeight(*weights.reordered(weight)))
        placeholder(node)
    for node in piece.nodes:
        copied(node)
    graph.output(tuple(copied(node) for node in piece.outputs))
    spell_out(graph)
    # What NNAPI only passes on (a copy in order) may lie here as it did before that.
    for node in graph.nodes:
        if node.target in (aten.view.default, aten._unsafe_view.default):
            node.target = aten.reshape.default
        elif node.target is aten.as_strided.default:
            _bring_into_order(graph, node)
    return GraphModule(root, graph), read


def _bring_into_order(graph: Graph, node: Node) -> None:
    """It reads memory by strides: the operand lies as it does in torch, where that is in order."""
    operand = node.args[0]
    if isinstance(operand, Node) and operand.meta["val"].is_contiguous():
        with graph.inserting_before(node):
            clone = graph.call_function(
                aten.clone.default, (operand,), {"memory_format": torch.contiguous_format}
            )
        clone.meta["val"] = operand.meta["val"]
        node.replace_input_with(operand, clone)


def stored_weights(program: Program, piece: Piece) -> Iterator[tuple[Node, Constant]]:
    """What a piece reads of the artifact's weights."""
    reads = {
        _integers(program, one) or one: None for call in piece.nodes for one in sources_of(call)
    }
    for node in reads:
        if node in program.constants and (stored := _stored(program.constants[node])) is not None:
            yield node, stored


def _integers(program: Program, node: Node) -> Node | None:
    """The integers that a constant is the numbers of: these are stored, and dequantised where they are read."""
    integers = program.dequantised.get(node)
    if node in program.stored_integers:
        integers, _ = program.stored_integers[node]
    return integers if node in program.constants and integers in program.constants else None


def _stored(constant: TorchConstant) -> Constant | None:
    """A weight for the artifact's table; None for what is small, or has no number in numpy: it stays in the module."""
    try:
        weight = constant.constant()
    except Unsupported:
        return None
    return weight if weight.dtype in _STORED and weight.nbytes > IMMEDIATE_BYTES else None
