"""TRANSPOSE."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType
from nnapi_runtime.errors import NnapiError
from tests.runtime.ops.operand_strategies import codes, outputs, parameters, tensors
from tests.runtime.ops.single_op import run_operation, tensor

# Planes of many tiles, with something left over.
LARGE = st.tuples(st.integers(1, 3), st.integers(1, 100), st.integers(1, 100))


@given(st.data())
def test_transpose(data: st.DataObject) -> None:
    x = data.draw(
        tensors(codes(ops.TRANSPOSE)) | tensors(codes(ops.TRANSPOSE), shape=data.draw(LARGE))
    )
    order = data.draw(st.none() | st.permutations(range(x.data.ndim)), label="order")
    expected = np.transpose(x.data, order)
    result = run_operation(
        ops.TRANSPOSE,
        [data.draw(outputs(x, expected.shape))],
        input=x,
        permutation=None if order is None else data.draw(parameters(order)),
    )
    np.testing.assert_array_equal(result[0], expected)


@pytest.mark.parametrize("order", [[0, 0], [0, 2], [-1, 0], [0], [0, 1, 2]])
def test_transpose_refuses_what_is_no_permutation(order: list[int]) -> None:
    with pytest.raises(NnapiError):
        run_operation(
            ops.TRANSPOSE,
            [OperandType(OperandCode.TENSOR_FLOAT32, (0, 0))],
            input=tensor(np.zeros((2, 3), np.float32)),
            permutation=order,
        )
