"""Model → Model: what can be said with fewer operations is."""

from __future__ import annotations

from attrs import evolve

from nnapi_core.lowering.optimize.fuse_activations import fuse_activations
from nnapi_core.lowering.optimize.merge_moves import merge_moves
from nnapi_core.lowering.optimize.relayout import relayout
from nnapi_core.nnapi.model import Model


def optimize(model: Model) -> Model:
    """Fuses activations, merges transposes and reshapes, and does without those it can.

    Equal constants are shared by the builder already.
    """
    operands = tuple(
        operand
        if operand.submodel is None
        else evolve(operand, submodel=optimize(operand.submodel))
        for operand in model.operands
    )
    merged = merge_moves(evolve(model, operands=operands)).pruned()
    return fuse_activations(relayout(merged)).pruned()
