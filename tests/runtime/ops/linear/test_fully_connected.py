"""FULLY_CONNECTED against float64 arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType
from nnapi_runtime.errors import NnapiError
from tests.runtime import c_api
from tests.runtime.ops.single_op import run_operation, tensor
from tests.runtime.ops.weighted_operands import WeightedOperands


@given(data=st.data())
def test_is_a_matrix_product(data: st.DataObject) -> None:
    new = WeightedOperands(data, ops.FULLY_CONNECTED)
    sizes = st.one_of(st.integers(1, 6), st.sampled_from([64, 100]))
    units, depth = data.draw(sizes, label="units"), data.draw(sizes, label="input size")
    # A single row has kernels of its own.
    rows = data.draw(st.one_of(st.just(1), st.integers(0, 20)), label="rows")
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


def test_layers_that_are_nearly_alike() -> None:
    """What alike ones prepare is shared: these differ in one respect each."""
    random = np.random.default_rng(0)
    x, y, w, b, other = (
        random.standard_normal(shape).astype(np.float32)
        for shape in [(1, 24), (3, 24), (40, 24), (40,), (40,)]
    )
    model = c_api.Model()
    inputs = [model.floats(*x.shape), model.floats(*y.shape)]
    weights, bias, other_bias = (
        model.constant(c_api.codes.TENSOR_FLOAT32, array) for array in (w, b, other)
    )
    activations = [model.int32(0), model.int32(1)]
    expected, outputs = [], []
    for number, array in enumerate((x, y)):
        for activation in (0, 1, 0):
            for operand, values in ((bias, b), (other_bias, other)):
                sums = array @ w.T + values
                expected.append(np.maximum(sums, 0) if activation else sums)
                outputs.append(model.floats(*sums.shape))
                operands = [inputs[number], weights, operand, activations[activation]]
                model.operation("FULLY_CONNECTED", operands, [outputs[-1]])
    compilation = c_api.compile_model(model.finish(inputs, outputs))
    results = [np.zeros_like(array) for array in expected]
    with c_api.execution(compilation) as run:
        for index, array in enumerate((x, y)):
            assert c_api.set_input(run, index, array) == "NO_ERROR"
        for index, array in enumerate(results):
            assert c_api.set_output(run, index, array) == "NO_ERROR"
        c_api.good("Execution_compute", run)
    c_api.free("Compilation", compilation)
    model.free()
    for actual, wanted in zip(results, expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "bias", "activation", "message"),
    [
        ((2, 3), 3, 0, "6 elements"),
        ((2, 4), 2, 0, "2 biases for 3 units"),
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
