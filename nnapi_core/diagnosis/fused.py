"""Where a piece is right as it was lowered and wrong as it was optimised: which node makes it wrong, by bisection."""

from __future__ import annotations

from torch.fx import Node

from nnapi_core.diagnosis.difference import difference
from nnapi_core.diagnosis.evaluate import Values, value_of
from nnapi_core.diagnosis.piece import Piece
from nnapi_core.diagnosis.trace import STEPS
from nnapi_core.driver import Background, optimised
from nnapi_core.lowering.partition import Stage, tensors_of


def first_wrong(
    background: Background,
    stage: Stage,
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
    way = _leading_to(result, stage)
    before, after = -1, len(way) - 1
    worst = _error(background, stage, way[after], reference, relaxed)
    if worst <= limit:
        return None
    while after - before > 1:
        middle = (before + after) // 2
        error = _error(background, stage, way[middle], reference, relaxed)
        if error > limit:
            after, worst = middle, error
        else:
            before = middle
    return way[after], worst


def _leading_to(result: Node, stage: Stage) -> list[Node]:
    """The tensors of the piece that ``result`` depends on, in order, and itself."""
    needed = {result}
    for node in reversed(stage.nodes):
        if any(one in needed for one in (node, *tensors_of(node))):
            needed.update(node.all_input_nodes)
            needed.add(node)
    tensors = [tensor for node in stage.nodes for tensor in tensors_of(node) if tensor in needed]
    return tensors[: tensors.index(result) + 1]


def _error(
    background: Background, stage: Stage, tensor: Node, reference: Values, relaxed: bool
) -> float:
    """The relative error of ``tensor`` where the piece ends with it."""
    ends = next(
        index for index, node in enumerate(stage.nodes) if tensor in (node, *tensors_of(node))
    )
    piece = Piece(background, stage.nodes[: ends + 1])
    if not piece.computed([tensor]):
        return 0.0
    (value,) = piece.run(
        [tensor],
        reference,
        passes=lambda model: optimised(model, background.registry),
        relaxed=relaxed,
    )
    steps = STEPS if tensor in background.program.quants else 0
    expected = value_of(background.program, tensor, reference)
    return difference(value, expected, steps=steps).relative
