"""QUANTIZED_LSTM and QUANTIZED_16BIT_LSTM: fixed point stays close to what real numbers give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType, Quant
from nnapi_runtime.errors import NnapiError
from tests.runtime.ops.operand_strategies import SEEDS
from tests.runtime.ops.recurrent.lstm_reference import GATES, Cell, sigmoid
from tests.runtime.ops.single_op import Tensor, run_operation

Q8 = OperandCode.TENSOR_QUANT8_ASYMM_SIGNED
Q8_WEIGHTS = OperandCode.TENSOR_QUANT8_SYMM
Q16 = OperandCode.TENSOR_QUANT16_SYMM
U8 = OperandCode.TENSOR_QUANT8_ASYMM
I32 = OperandCode.TENSOR_INT32


def bias_name(gate: str) -> str:
    return "cell_bias" if gate == "cell" else f"{gate}_gate_bias"


class Quantised:
    """Random quantised operands, model inputs or constants."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.random = np.random.default_rng(data.draw(SEEDS, label="seed"))

    def __call__(
        self, code: OperandCode, shape: tuple[int, ...], quant: Quant | None, most: int = 127
    ) -> Tensor:
        middle = quant.zero_point if quant and code is U8 else 0
        values = middle + self.random.integers(-most, most + 1, shape)
        info = np.iinfo(code.element)
        stored = np.clip(values, info.min, info.max).astype(code.element)
        return Tensor(stored, code, quant, constant=self.data.draw(st.booleans()))


@given(st.data())
def test_quantized_lstm(data: st.DataObject) -> None:
    new = Quantised(data)
    batch, size, cells = (data.draw(st.integers(1, n)) for n in (3, 6, 20))
    coupled, peephole, norm, projected, with_bias = (data.draw(st.booleans()) for _ in range(5))
    outputs = data.draw(st.integers(1, 20)) if projected else cells
    cell_bits = data.draw(st.integers(0, 6), label="integer bits of the cell state")
    cell_scale = 2.0 ** (cell_bits - 15)
    input_quant = Quant(1 / 128, data.draw(st.integers(-20, 20)))
    output_quant = Quant(1 / 64 if projected else 1 / 127, data.draw(st.integers(-20, 20)))
    hidden_scale = 1 / 127
    hidden_zero = data.draw(st.integers(-5, 5)) if projected else -output_quant.zero_point
    weight_quant, peephole_quant, norm_quant = Quant(1 / 256), Quant(2.0**-15), Quant(2.0**-15)
    # Gates that aren't normalised count in steps of 2^-12.
    gate_scale = 2.0**-8 if norm else 2.0**-12

    operands: dict[str, Any] = {
        "input": new(Q8, (batch, size), input_quant, 100),
        "output_state_in": new(Q8, (batch, outputs), output_quant, 100),
        "cell_state_in": new(Q16, (batch, cells), Quant(cell_scale), 20000),
    }
    real: dict[str, dict[str, np.ndarray]] = {
        name: {} for name in ("weights", "recurrent", "bias", "peephole", "norm")
    }
    for gate in GATES:
        given_ = not (coupled and gate == "input")
        named: dict[str, Tensor | None] = {
            "weights": new(Q8_WEIGHTS, (cells, size), weight_quant) if given_ else None,
            "recurrent": new(Q8_WEIGHTS, (cells, outputs), weight_quant) if given_ else None,
            "bias": new(I32, (cells,), None, 2**24 if norm else 20000) if given_ else None,
            "norm": new(Q16, (cells,), norm_quant, 30000) if given_ and norm else None,
            "peephole": new(Q16, (cells,), peephole_quant, 30000)
            if given_ and peephole and gate != "cell"
            else None,
        }
        operands |= {
            f"input_to_{gate}_weights": named["weights"],
            f"recurrent_to_{gate}_weights": named["recurrent"],
            bias_name(gate): named["bias"],
            f"{gate}_layer_norm_weights": named["norm"],
            f"{gate}_intermediate_scale": gate_scale,
        }
        if gate != "cell":
            operands[f"cell_to_{gate}_weights"] = named["peephole"]
        for name, value in named.items():
            if value is not None:
                # The bias of input * weights; behind a normalisation it has its weights' scale / 1024.
                scale = norm_quant.scale / 1024 if norm else input_quant.scale * weight_quant.scale
                real[name][gate] = value.real * scale if name == "bias" else value.real
    weights = new(Q8_WEIGHTS, (outputs, cells), weight_quant) if projected else None
    bias = new(I32, (outputs,), None, 5000) if projected and with_bias else None
    operands |= {"projection_weights": weights, "projection_bias": bias}
    cell_clip, projection_clip = data.draw(st.sampled_from([0.0, 0.4])), 0.0
    if projected:
        projection_clip = data.draw(st.sampled_from([0.0, 0.5]))
    h_out, c_out, out = run_operation(
        ops.QUANTIZED_LSTM,
        [
            OperandType(Q8, (batch, outputs), output_quant),
            OperandType(Q16, (batch, cells), Quant(cell_scale)),
            OperandType(Q8, (batch, outputs), output_quant),
        ],
        **operands,
        cell_clip=cell_clip,
        projection_clip=projection_clip,
        hidden_state_zero_point=hidden_zero,
        hidden_state_scale=hidden_scale,
    )

    cell = Cell(
        **real,
        projection=None if weights is None else weights.real,
        projection_bias=None if bias is None else bias.real * weight_quant.scale * hidden_scale,
        cell_clip=cell_clip,
        projection_clip=projection_clip,
    )
    h, c = cell.step(
        operands["input"].real,
        None,
        operands["output_state_in"].real,
        operands["cell_state_in"].real,
    )
    # Few cells can be so alike that normalising them magnifies the rounding of the gates.
    assert_mostly_close(c_out * cell_scale, clipped(c, cell_scale * 32768), 0.02, loose=norm)
    limit = 0.03 + (0.02 * cells if projected else 0) + output_quant.scale
    stored = (out.astype(float) - output_quant.zero_point) * output_quant.scale
    low, high = ((n - output_quant.zero_point) * output_quant.scale for n in (-128, 127))
    assert_mostly_close(stored, np.clip(h, low, high), limit, loose=norm)
    np.testing.assert_array_equal(h_out, out)


def clipped(values: np.ndarray, most: float) -> np.ndarray:
    return np.clip(values, -most, most)


def assert_mostly_close(
    actual: np.ndarray, expected: np.ndarray, limit: float, *, loose: bool
) -> None:
    error = np.abs(actual - expected)
    if loose:
        assert np.median(error) <= limit, f"half of the results are off by {np.median(error):.3g}"
    else:
        assert error.max() <= limit, f"off by {error.max():.3g}, allowed {limit:.3g}"


@given(st.data())
def test_quantized_16bit_lstm(data: st.DataObject) -> None:
    new = Quantised(data)
    batch, size, outputs = (data.draw(st.integers(1, n)) for n in (3, 40, 20))
    scale, zero_point = data.draw(st.sampled_from([0.004, 0.01])), data.draw(st.integers(0, 255))
    state_quant, cell_quant = Quant(1 / 128, 128), Quant(1 / 2048)
    x = new(U8, (batch, size), state_quant)
    h = new(U8, (batch, outputs), state_quant)
    c = new(Q16, (batch, outputs), cell_quant, 32767)
    operands: dict[str, Any] = {"input": x, "output_state_in": h, "cell_state_in": c}
    gates = {}
    # What the weights multiply: the input before the output state, though the recurrent weights
    # come first.
    vector = np.concatenate([x.real, h.real], -1)
    for gate in GATES:
        weights = new(U8, (outputs, size), Quant(scale, zero_point))
        recurrent = new(U8, (outputs, outputs), Quant(scale, zero_point))
        bias = new(I32, (outputs,), Quant(float(np.float32(scale)) / 128), 40000)
        operands |= {
            f"input_to_{gate}_weights": weights,
            f"recurrent_to_{gate}_weights": recurrent,
            bias_name(gate): bias,
        }
        total = vector @ np.concatenate([recurrent.real, weights.real], -1).T
        gates[gate] = np.clip(total + bias.real, -8, 8)
    c_out, out = run_operation(
        ops.QUANTIZED_16BIT_LSTM,
        [OperandType(Q16, c.data.shape, cell_quant), OperandType(U8, h.data.shape, state_quant)],
        **operands,
    )
    cell = sigmoid(gates["forget"]) * c.real + sigmoid(gates["input"]) * np.tanh(gates["cell"])
    cell = np.clip(cell, -16, 16)
    np.testing.assert_allclose(c_out / 2048, cell, atol=0.006)
    expected = sigmoid(gates["output"]) * np.tanh(cell) * 128 + 128
    np.testing.assert_allclose(out.astype(float), np.clip(expected, 0, 255), atol=1.2)


@pytest.mark.parametrize(
    ("operand", "quant"),
    [("input", Quant(1 / 64, 128)), ("input", Quant(1 / 128, 0)), ("cell", Quant(1 / 1024))],
)
def test_quantized_16bit_lstm_refuses_other_scales(operand: str, quant: Quant) -> None:
    def zeros(code: OperandCode, quant: Quant, *shape: int) -> Tensor:
        return Tensor(np.zeros(shape, code.element), code, quant)

    input_quant = quant if operand == "input" else Quant(1 / 128, 128)
    cell_quant = quant if operand == "cell" else Quant(1 / 2048)
    operands: dict[str, Any] = {}
    for gate in GATES:
        operands[f"input_to_{gate}_weights"] = zeros(U8, Quant(0.25, 3), 2, 3)
        operands[f"recurrent_to_{gate}_weights"] = zeros(U8, Quant(0.25, 3), 2, 2)
        operands[bias_name(gate)] = zeros(I32, Quant(0.25 / 128), 2)
    with pytest.raises(NnapiError, match="scale"):
        run_operation(
            ops.QUANTIZED_16BIT_LSTM,
            [OperandType(Q16, (1, 2), cell_quant), OperandType(U8, (1, 2), Quant(1 / 128, 128))],
            input=zeros(U8, input_quant, 1, 3),
            output_state_in=zeros(U8, Quant(1 / 128, 128), 1, 2),
            cell_state_in=zeros(Q16, cell_quant, 1, 2),
            **operands,
        )
