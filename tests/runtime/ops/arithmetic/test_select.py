"""SELECT against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType, Quant
from nnapi_runtime import NnapiError
from tests.runtime.ops.closeness import assert_within_a_step
from tests.runtime.ops.hard_values import hard_tensors, output_types, shapes
from tests.runtime.ops.operand_strategies import codes, quants
from tests.runtime.ops.single_op import run_operation, tensor


@given(data=st.data())
def test_select_is_numpys_where(data: st.DataObject) -> None:
    code = data.draw(st.sampled_from(codes(ops.SELECT)))
    shape = data.draw(shapes((1, 6)))
    mask = data.draw(hard_tensors(OperandCode.TENSOR_BOOL8, shape))
    a, b = data.draw(hard_tensors(code, shape)), data.draw(hard_tensors(code, shape))
    out = data.draw(output_types(code, shape, data.draw(quants(code))))
    (actual,) = run_operation(ops.SELECT, [out], mask=mask, a=a, b=b)
    assert actual.shape == shape
    if isinstance(out.quant, Quant):
        assert_within_a_step(actual, np.where(mask.data, a.real, b.real), out.quant)
    else:
        np.testing.assert_array_equal(actual, np.where(mask.data, a.data, b.data))


def test_nothing_broadcasts() -> None:
    mask = tensor(np.zeros((2, 3), bool))
    a, b = tensor(np.zeros((2, 3), np.float32)), tensor(np.zeros((1, 3), np.float32))
    out = OperandType(OperandCode.TENSOR_FLOAT32, (2, 3))
    with pytest.raises(NnapiError, match="input 2 differs from the mask's"):
        run_operation(ops.SELECT, [out], mask=mask, a=a, b=b)
