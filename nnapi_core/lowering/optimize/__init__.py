"""Model → Model: what can be said with fewer operations is."""

from __future__ import annotations

from attrs import evolve

from nnapi_core.lowering.optimize.fuse_activations import fuse_activations
from nnapi_core.lowering.optimize.merge_moves import merge_moves
from nnapi_core.nnapi.model import Model


def optimize(model: Model) -> Model:
    """Fuses activations and merges transposes and reshapes. Equal constants are shared by the builder already."""
    operands = tuple(
        operand
        if operand.submodel is None
        else evolve(operand, submodel=optimize(operand.submodel))
        for operand in model.operands
    )
    return fuse_activations(merge_moves(evolve(model, operands=operands))).pruned()
