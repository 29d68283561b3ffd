"""Every value inside of a conversion beside torch's: how far each node is off, and what it adds itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from attrs import frozen
from torch.fx import Node

from nnapi_core.conversion.converted import Background
from nnapi_core.graph.program import Program, source_of
from nnapi_core.lowering.partition.choose_nnapi_or_cpu import Piece, tensors_of
from nnapi_core.lowering.partition.device import Device
from nnapi_core.verification.difference import NONE, difference
from nnapi_core.verification.piece_with_inner_results import ProbedPiece
from nnapi_core.verification.run_in_torch import Values, run_node, value_of

# What a rounding may go the other way by, in integers.
STEPS = 1


@frozen
class NodeError:
    """A node's result here against torch's."""

    name: str
    target: str
    source: str
    max_abs: float
    relative: float
    own: float
    """The relative error against what torch makes of the very values that the node was given here."""


@frozen(eq=False)
class Trace:
    """Errors in the order of execution, and torch's own values of what enters and leaves the pieces."""

    nodes: tuple[NodeError, ...]
    reference: Values


def trace(
    background: Background,
    tensors: Sequence[torch.Tensor],
    *,
    relaxed: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Trace:
    """Runs every piece with all of its intermediate results as outputs, so that nothing is fused."""
    expected: Values = dict(zip(background.program.inputs, tensors, strict=True))
    actual: Values = dict(expected)
    errors: list[NodeError] = []
    total = sum(len(piece.nodes) for piece in background.partition.pieces)
    for piece in background.partition.pieces:
        actual.update(_given(background, piece, actual, relaxed))
        for node in piece.nodes:
            errors.append(_compared(background.program, node, expected, actual))
            progress(len(errors), total)
    return Trace(tuple(errors), expected)


def _given(background: Background, piece: Piece, actual: Values, relaxed: bool) -> Values:
    """What NNAPI computes of the tensors inside of a piece. The rest is torch's, from these."""
    if piece.device is not Device.NNAPI or piece.on_host:
        return {}
    probed = ProbedPiece(background, piece.nodes)
    results = probed.computed([tensor for node in piece.nodes for tensor in tensors_of(node)])
    if not results:
        return {}
    return dict(zip(results, probed.run(results, actual, relaxed=relaxed), strict=True))


def _compared(program: Program, node: Node, expected: Values, actual: Values) -> NodeError:
    # Torch's result of the values that there are here.
    again: Values = {node: run_node(program, node, actual)}
    far, own = NONE, 0.0
    for tensor in tensors_of(node):
        steps = STEPS if tensor in program.quants else 0
        value = value_of(program, tensor, actual)
        away = difference(value, value_of(program, tensor, expected), steps=steps)
        far = max(far, away, key=lambda one: one.relative)
        own = max(own, difference(value, value_of(program, tensor, again), steps=steps).relative)
    return NodeError(node.name, str(node.target), source_of(node), far.max_abs, far.relative, own)
