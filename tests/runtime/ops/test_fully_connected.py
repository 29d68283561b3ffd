"""FULLY_CONNECTED against float64 arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType
from nnapi_runtime.errors import NnapiError
from tests.runtime.ops.single_op import run_operation, tensor
from tests.runtime.ops.weighted_operands import WeightedOperands


@given(data=st.data())
def test_is_a_matrix_product(data: st.DataObject) -> None:
    new = WeightedOperands(data, ops.FULLY_CONNECTED)
    sizes = st.one_of(st.integers(1, 6), st.sampled_from([64, 100]))
    units, depth = data.draw(sizes, label="units"), data.draw(sizes, label="input size")
    rows = data.draw(st.integers(0, 20), label="rows")
    # The input's dimensions need not show the rows: only the number of elements counts.
    shape = data.draw(
        st.sampled_from([(rows, depth), (rows, 1, depth), (1, rows * depth), (rows, depth, 1, 1)])
    )
    image = new.input(new.random.standard_normal(shape))
    weights = new.weights(units, depth, out_dim=0)
    bias = new.bias(units, weights)
    x, b = image.real.reshape(rows, depth), new.real_bias(bias, weights)
    expected = x @ weights.real.T + b
    magnitude = np.abs(x) @ np.abs(weights.real.T) + np.abs(b)
    type_ = new.output(expected.shape, expected)
    (actual,) = run_operation(
        ops.FULLY_CONNECTED,
        [type_],
        input=image,
        weights=weights,
        bias=bias,
        activation=new.activation,
    )
    new.assert_close(actual, type_, expected, magnitude)


@pytest.mark.parametrize(
    ("shape", "bias", "activation", "message"),
    [
        ((2, 3), 3, 0, "6 elements"),
        ((2, 4), 2, 0, "one value for each of 3"),
        ((2, 4), 3, 7, "activation 7"),
    ],
)
def test_what_is_wrong_is_refused(
    shape: tuple[int, ...], bias: int, activation: int, message: str
) -> None:
    with pytest.raises(NnapiError, match=message):
        run_operation(
            ops.FULLY_CONNECTED,
            [OperandType(OperandCode.TENSOR_FLOAT32, (0, 0))],
            input=tensor(np.ones(shape, np.float32)),
            weights=tensor(np.ones((3, 4), np.float32)),
            bias=tensor(np.ones(bias, np.float32)),
            activation=activation,
        )
