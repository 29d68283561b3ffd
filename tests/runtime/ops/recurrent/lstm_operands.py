"""Operands of LSTM cells with any of their optional parts, and the reference of the same cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import frozen
from hypothesis import strategies as st

from tests.runtime.ops.float_operands import FloatOperands, real
from tests.runtime.ops.recurrent.lstm_reference import ACTIVATIONS, GATES, Cell


@frozen
class Variant:
    """Which optional parts a cell has."""

    coupled: bool
    peephole: bool
    norm: bool
    projection: bool
    projection_bias: bool

    @property
    def gates(self) -> Sequence[str]:
        return GATES[1:] if self.coupled else GATES


variants = st.builds(Variant, *[st.booleans()] * 5)


def cell_operands(
    new: FloatOperands, variant: Variant, sizes: tuple[int, int, int, int]
) -> dict[str, Any]:
    """Operands of one cell by name; ``sizes``: input, auxiliary input (0: none), cells, outputs."""
    size, aux_size, cells, outputs = sizes
    operands: dict[str, Any] = {}
    for gate in GATES:
        given_ = gate in variant.gates
        operands[f"input_to_{gate}_weights"] = new(cells, size) if given_ else None
        operands[f"recurrent_to_{gate}_weights"] = new(cells, outputs) if given_ else None
        operands[bias_name(gate)] = new(cells) if given_ else None
        operands[f"{gate}_layer_norm_weights"] = new(cells) if given_ and variant.norm else None
        operands[f"aux_to_{gate}_weights"] = new(cells, aux_size) if given_ and aux_size else None
        if gate != "cell":
            wanted = given_ and variant.peephole
            operands[f"cell_to_{gate}_weights"] = new(cells) if wanted else None
    operands["projection_weights"] = new(outputs, cells) if variant.projection else None
    with_bias = variant.projection and variant.projection_bias
    operands["projection_bias"] = new(outputs) if with_bias else None
    return operands


def bias_name(gate: str) -> str:
    return "cell_bias" if gate == "cell" else f"{gate}_gate_bias"


def reference(operands: dict[str, Any], options: dict[str, Any]) -> Cell:
    def by_gate(pattern: str) -> dict[str, np.ndarray]:
        named = {gate: operands.get(pattern.format(gate)) for gate in GATES}
        return {gate: real(value) for gate, value in named.items() if value is not None}

    bias = {g: operands[bias_name(g)] for g in GATES if operands[bias_name(g)] is not None}
    weights, projection_bias = operands["projection_weights"], operands["projection_bias"]
    return Cell(
        weights=by_gate("input_to_{}_weights"),
        recurrent=by_gate("recurrent_to_{}_weights"),
        bias={gate: real(value) for gate, value in bias.items()},
        peephole=by_gate("cell_to_{}_weights"),
        norm=by_gate("{}_layer_norm_weights"),
        aux=by_gate("aux_to_{}_weights"),
        projection=None if weights is None else real(weights),
        projection_bias=None if projection_bias is None else real(projection_bias),
        **options,
    )


def draw_options(data: st.DataObject) -> dict[str, Any]:
    clips = st.sampled_from([0.0, 0.25, 8.0])
    return {
        "activation": data.draw(st.sampled_from(sorted(ACTIVATIONS)), label="activation"),
        "cell_clip": data.draw(clips, label="cell clip"),
        "projection_clip": data.draw(clips, label="projection clip"),
    }


def without_aux(operands: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in operands.items() if not name.startswith("aux_to")}


def time_first(values: np.ndarray, time_major: bool) -> np.ndarray:
    return values if time_major else values.swapaxes(0, 1)


def tolerance(variant: Variant) -> float:
    # Normalising divides by the deviation, which may be a small difference of large sums.
    return 2e-3 if variant.norm else 2e-5
