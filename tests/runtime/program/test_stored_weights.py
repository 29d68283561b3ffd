"""Products over weights that DEQUANTIZE makes of constant integers are those of the floats."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.builder import Builder, TypedConstant
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import ChannelQuant, OperandCode, OperandType, SymbolicDim
from nnapi_runtime import Executor
from tests.runtime.small_models import LEVEL, float_constant, float_type, pack


def stored(
    integers: np.ndarray[Any, Any], scales: np.ndarray[Any, Any], dim: int = 0
) -> TypedConstant:
    code = OperandCode.TENSOR_QUANT8_SYMM_PER_CHANNEL
    quant = ChannelQuant(dim, tuple(scales.tolist()))
    return TypedConstant(Constant.of(integers), OperandType(code, integers.shape, quant))


@given(
    st.integers(1, 12),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(0, 3),
    st.sampled_from(["fixed", "rows at run time", "read twice", "scales of columns"]),
    st.integers(0, 2**16),
)
def test_products_over_stored_weights(
    rows: int, units: int, inner: int, activation: int, kind: str, seed: int
) -> None:
    random = np.random.default_rng(seed)
    dim = 1 if kind == "scales of columns" else 0
    integers = random.integers(-127, 128, (units, inner)).astype(np.int8)
    scales = (random.random((units, inner)[dim]) / 64 + 1e-3).astype(np.float32)
    bias = random.standard_normal(units).astype(np.float32)
    builder = Builder(LEVEL)
    count = SymbolicDim("n") if kind == "rows at run time" else rows
    x = builder.variable(float_type(count, inner))
    (weights,) = builder.emit(
        ops.DEQUANTIZE, {"input": stored(integers, scales, dim)}, [float_type(units, inner)]
    )
    (product,) = builder.emit(
        ops.FULLY_CONNECTED,
        {"input": x, "weights": weights, "bias": float_constant(bias), "activation": activation},
        [float_type(count, units)],
    )
    outputs = [product]
    if kind == "read twice":
        outputs += builder.emit(ops.NEG, {"input": weights}, [float_type(units, inner)])
    packed = pack(builder.finish([x], outputs))
    executor = Executor(packed.words, packed.weights)
    numbers = integers * (scales[None] if dim else scales[:, None])
    low, high = [(-np.inf, np.inf), (0, np.inf), (-1, 1), (0, 6)][activation]
    for _ in range(2):
        given_x = random.standard_normal((rows, inner)).astype(np.float32)
        results = executor.run([given_x])
        wanted = np.clip(given_x @ numbers.T + bias, low, high)
        np.testing.assert_allclose(results[0], wanted, rtol=1e-5, atol=1e-4)
        if kind == "read twice":
            np.testing.assert_array_equal(results[1], -numbers)
    assert len(executor.profile([given_x])) == len(outputs) + 1
