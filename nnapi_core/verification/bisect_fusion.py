"""Where a piece is right as it was lowered and wrong as it was optimised: which node makes it wrong, by bisection."""

from __future__ import annotations

from torch.fx import Node

from nnapi_core.conversion.converted import Background
from nnapi_core.lowering.partition.choose_nnapi_or_cpu import Piece, tensors_of
from nnapi_core.verification.compare_nodes import STEPS
from nnapi_core.verification.difference import difference
from nnapi_core.verification.piece_with_inner_results import ProbedPiece
from nnapi_core.verification.run_in_torch import Values, value_of


def first_wrong(
    background: Background,
    piece: Piece,
    result: Node,
    reference: Values,
    *,
    limit: float,
    relaxed: bool = False,
) -> tuple[Node, float] | None:
    """The first node on the way to ``result`` with which the optimised piece departs from torch, and by how much.

    The piece is cut after a node and optimised anew; half of the nodes are left each time. None: the piece that
    ends with ``result`` alone is right.
    """
    way = _leading_to(result, piece)
    before, after = -1, len(way) - 1
    worst = _error(background, piece, way[after], reference, relaxed)
    if worst <= limit:
        return None
    while after - before > 1:
        middle = (before + after) // 2
        error = _error(background, piece, way[middle], reference, relaxed)
        if error > limit:
            after, worst = middle, error
        else:
            before = middle
    return way[after], worst


def _leading_to(result: Node, piece: Piece) -> list[Node]:
    """The tensors of the piece that ``result`` depends on, in order, and itself."""
    needed = {result}
    for node in reversed(piece.nodes):
        if any(one in needed for one in (node, *tensors_of(node))):
            needed.update(node.all_input_nodes)
            needed.add(node)
    tensors = [tensor for node in piece.nodes for tensor in tensors_of(node) if tensor in needed]
    return tensors[: tensors.index(result) + 1]


def _error(
    background: Background, piece: Piece, tensor: Node, reference: Values, relaxed: bool
) -> float:
    """The relative error of ``tensor`` where the piece ends with it."""
    ends = next(
        index for index, node in enumerate(piece.nodes) if tensor in (node, *tensors_of(node))
    )
    probed = ProbedPiece(background, piece.nodes[: ends + 1])
    if not probed.computed([tensor]):
        return 0.0
    (value,) = probed.run(
        [tensor],
        reference,
        passes=background.optimised,
        relaxed=relaxed,
    )
    steps = STEPS if tensor in background.program.quants else 0
    expected = value_of(background.program, tensor, reference)
    return difference(value, expected, steps=steps).relative
