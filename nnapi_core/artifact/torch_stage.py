"""A CPU stage as a module of torch calls. Its weights are those of the artifact, which NNAPI's stages share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from attrs import frozen
from torch.fx import Graph, GraphModule, Node

from nnapi_core.errors import Unsupported
from nnapi_core.graph.decompose import spell_out
from nnapi_core.graph.program import Program, TorchConstant
from nnapi_core.lowering.partition import Stage
from nnapi_core.nnapi.constant import Constant, Reordering
from nnapi_core.nnapi.serialize import IMMEDIATE_BYTES, WeightTable

_STORED = {np.dtype(code) for code in ("f4", "f2", "f8", "i8", "i4", "i2", "i1", "u1", "?")}


@frozen
class ReadWeight:
    """A numbered weight as a torch stage reads it: reordered by ``steps``."""

    number: int
    steps: tuple[Reordering, ...]

    def described(self) -> dict[str, Any]:
        """For the manifest."""
        return {"weight": self.number, "steps": [_step(one) for one in self.steps]}


def _step(step: Reordering) -> list[Any]:
    if step.permutation is None:
        return ["reshape", list(step.after)]
    return ["permute", list(step.permutation)]


def torch_stage(
    program: Program, stage: Stage, weights: WeightTable
) -> tuple[GraphModule, list[ReadWeight]]:
    """The nodes of a CPU stage as a module: it takes its inputs in order, then the weights that it reads,
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

    for node in stage.inputs:
        placeholder(node)
    for node, weight in stored_weights(program, stage):
        read.append(ReadWeight(*weights.reordered(weight)))
        placeholder(node)
    for node in stage.nodes:
        copied(node)
    graph.output(tuple(copied(node) for node in stage.outputs))
    spell_out(graph)
    return GraphModule(root, graph), read


def stored_weights(program: Program, stage: Stage) -> Iterator[tuple[Node, Constant]]:
    """What a stage reads of the artifact's weights."""
    reads = {
        _integers(program, one) or one: None for call in stage.nodes for one in call.all_input_nodes
    }
    for node in reads:
        if node in program.constants and (stored := _stored(program.constants[node])) is not None:
            yield node, stored


def _integers(program: Program, node: Node) -> Node | None:
    """The integers that a constant is the numbers of: these are stored, and dequantised where they are read."""
    integers = program.dequantised.get(node)
    return integers if node in program.constants and integers in program.constants else None


def _stored(constant: TorchConstant) -> Constant | None:
    """A weight for the artifact's table; None for what is small, or has no number in numpy: it stays in the module."""
    try:
        weight = constant.constant()
    except Unsupported:
        return None
    return weight if weight.dtype in _STORED and weight.nbytes > IMMEDIATE_BYTES else None
