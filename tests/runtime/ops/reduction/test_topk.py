"""TOPK_V2, ARGMAX and ARGMIN."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import OperationSpec, ops
from nnapi_core.nnapi.types import OperandCode, OperandType
from nnapi_runtime.errors import NnapiError
from tests.runtime.ops.operand_strategies import codes, outputs, scalars, tensors
from tests.runtime.ops.single_op import Tensor, run_operation, tensor


def with_ties(x: Tensor) -> Tensor:
    """The same tensor with few different values, so that many are equal."""
    return Tensor(np.round(x.data).astype(x.data.dtype) % 3, x.code, x.quant)


@given(st.data())
def test_topk_v2(data: st.DataObject) -> None:
    x = data.draw(tensors(codes(ops.TOPK_V2), ranks=(1, 5), sizes=st.integers(1, 20)))
    if data.draw(st.booleans(), label="ties"):
        x = with_ties(x)
    last = x.data.shape[-1]
    k = data.draw(st.integers(1, last), label="k")
    # Ascending and stable, then backwards: of equal elements the later one comes first.
    order = np.argsort(x.data, axis=-1, kind="stable")[..., ::-1][..., :k]
    values, indices = run_operation(
        ops.TOPK_V2,
        [data.draw(outputs(x, order.shape)), OperandType(OperandCode.TENSOR_INT32, order.shape)],
        input=x,
        k=data.draw(scalars(k)),
    )
    np.testing.assert_array_equal(indices, order)
    np.testing.assert_array_equal(values, np.take_along_axis(x.data, order, -1))


@pytest.mark.parametrize("k", [0, -1, 4, 2**31 - 1])
def test_topk_refuses_a_count_that_is_not_there(k: int) -> None:
    with pytest.raises(NnapiError):
        run_operation(
            ops.TOPK_V2,
            [
                OperandType(OperandCode.TENSOR_FLOAT32, (0,)),
                OperandType(OperandCode.TENSOR_INT32, (0,)),
            ],
            input=tensor(np.zeros(3, np.float32)),
            k=k,
        )


@pytest.mark.parametrize(
    ("spec", "reference"),
    [(ops.ARGMAX, np.argmax), (ops.ARGMIN, np.argmin)],
    ids=["ARGMAX", "ARGMIN"],
)
@given(data=st.data())
def test_arg(spec: OperationSpec, reference: np.ufunc, data: st.DataObject) -> None:
    x = data.draw(tensors(codes(spec), ranks=(1, 5), sizes=st.integers(1, 7)))
    if data.draw(st.booleans(), label="ties"):
        x = with_ties(x)
    if x.data.dtype.kind == "f" and data.draw(st.booleans(), label="NaN"):
        x.data.flat[data.draw(st.integers(0, x.data.size - 1))] = np.nan
    axis = data.draw(st.integers(-x.data.ndim, x.data.ndim - 1), label="axis")
    expected = np.atleast_1d(reference(x.data, axis))
    result = run_operation(
        spec,
        [OperandType(OperandCode.TENSOR_INT32, expected.shape)],
        input=x,
        axis=data.draw(scalars(axis)),
    )
    np.testing.assert_array_equal(result[0], expected)
