"""Tensors that may turn out to be empty: NNAPI has none.

A piece then runs at a size of 1, and its results are right where they are empty themselves, or do not depend on the
size. What depends on it and is not empty, as the sum of no rows, must be on the CPU.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch.fx import Node

from nnapi_core.errors import Unsupported
from nnapi_core.graph.sizes.free_sizes import FreeSize
from nnapi_core.lowering.partition.choose_nnapi_or_cpu import Piece, tensors_of
from nnapi_core.lowering.partition.group_nodes_into_pieces import op_of
from nnapi_core.nnapi.size_expression import named_sizes, value_of


def given_back_for_empty(
    piece: Piece,
    described: Mapping[str, Any],
    sizes: Sequence[FreeSize],
    example: Mapping[str, int],
) -> dict[str, Unsupported]:
    """Nodes of a piece whose results are not empty when a size that they depend on is 0.

    ``described`` is the piece in the manifest.
    """
    refused: dict[str, Unsupported] = {}
    for size in sizes:
        if size.least > 0 or not size.is_data_dependent:
            continue
        dependent = _dependent(piece, described, size.name)
        zero = {**example, size.name: 0}
        for node, border in zip(piece.outputs, described["outputs"], strict=True):
            shape = [value_of(dim, zero) for dim in border.get("dims", border["shape"])]
            if 0 not in shape and op_of(node) in dependent:
                refused[op_of(node).name] = Unsupported(
                    "NNAPI has no tensors without elements, and there may be none of these",
                    size=size.name,
                )
    return refused


def _dependent(piece: Piece, described: Mapping[str, Any], name: str) -> set[Node]:
    """The calls of a piece that read, by any way, a tensor of this size."""
    reached = {
        node
        for node, border in zip(piece.inputs, described["inputs"], strict=True)
        if any(name in named_sizes(dim) for dim in border.get("dims", ()))
    }
    calls = set()
    for node in piece.nodes:
        if reached.intersection(node.all_input_nodes):
            calls.add(node)
            reached.update({node, *tensors_of(node)})
    return calls
