"""TILE."""

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


@given(st.data())
def test_tile(data: st.DataObject) -> None:
    x = data.draw(tensors(codes(ops.TILE), ranks=(1, 9), sizes=st.integers(0, 2)))
    multiples = [data.draw(st.integers(0, 2)) for _ in x.data.shape]
    expected = np.tile(x.data, multiples)
    result = run_operation(
        ops.TILE,
        [data.draw(outputs(x, expected.shape))],
        input=x,
        multiples=data.draw(parameters(multiples)),
    )
    np.testing.assert_array_equal(result[0], expected)


@pytest.mark.parametrize("multiples", [[-1, 1], [2**31 - 1, 2**31 - 1], [2], [1, 1, 1]])
def test_tile_refuses_impossible_multiples(multiples: list[int]) -> None:
    with pytest.raises(NnapiError):
        run_operation(
            ops.TILE,
            [OperandType(OperandCode.TENSOR_FLOAT32, (0, 0))],
            input=tensor(np.zeros((2, 3), np.float32)),
            multiples=tensor(np.array(multiples, np.int32)),
        )
