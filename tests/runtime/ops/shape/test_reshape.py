"""RESHAPE, SQUEEZE, EXPAND_DIMS, RANK and FILL."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType
from nnapi_runtime.errors import NnapiError
from tests.runtime.ops.operand_strategies import codes, outputs, parameters, scalars, tensors
from tests.runtime.ops.single_op import Tensor, run_operation, tensor

F32 = OperandCode.TENSOR_FLOAT32


@given(st.data())
def test_reshape(data: st.DataObject) -> None:
    target = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=4), label="target")
    flat = int(np.prod(target))
    shape = data.draw(st.sampled_from([[flat], [1, flat], [flat, 1, 1]]))
    x = data.draw(tensors(codes(ops.RESHAPE), shape=shape))
    expected = x.data.reshape(target)
    left_out = data.draw(st.none() | st.integers(0, len(target) - 1), label="left out")
    if left_out is not None and flat > 0:
        target[left_out] = -1
    result = run_operation(
        ops.RESHAPE,
        [data.draw(outputs(x, expected.shape))],
        input=x,
        shape=data.draw(parameters(target)),
    )
    np.testing.assert_array_equal(result[0], expected)


@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize(
    "target", [[-1, -1], [4], [7, -1], [-2, -3], [2**30, 2**30, 2**30, 2**30], [0, -1], [5, -1]]
)
def test_reshape_refuses_other_counts(target: list[int], constant: bool) -> None:
    shape = tensor(np.array(target, np.int32), constant=constant)
    with pytest.raises(NnapiError):
        run_operation(
            ops.RESHAPE,
            [OperandType(F32, (0,) * len(target))],
            input=tensor(np.zeros((2, 3), np.float32)),
            shape=shape,
        )


@given(st.data())
def test_squeeze(data: st.DataObject) -> None:
    x = data.draw(tensors(codes(ops.SQUEEZE), sizes=st.integers(1, 3)))
    ones = [i for i, size in enumerate(x.data.shape) if size == 1]
    given_axes = data.draw(st.booleans(), label="axes given")
    if given_axes:
        chosen = data.draw(st.lists(st.sampled_from(ones), max_size=5) if ones else st.just([]))
        expected = np.squeeze(x.data, tuple(set(chosen)))
        signed = [i - x.data.ndim if data.draw(st.booleans()) else i for i in chosen]
        axes = data.draw(parameters(signed)) if signed else None
        if not signed:
            expected = np.squeeze(x.data)
    else:
        axes, expected = None, np.squeeze(x.data)
    expected = expected.reshape(expected.shape or (1,))
    result = run_operation(ops.SQUEEZE, [data.draw(outputs(x, expected.shape))], input=x, axes=axes)
    np.testing.assert_array_equal(result[0], expected)


def test_squeeze_refuses_a_dimension_that_is_not_1() -> None:
    with pytest.raises(NnapiError):
        run_operation(
            ops.SQUEEZE,
            [OperandType(F32, (0,))],
            input=tensor(np.zeros((1, 3), np.float32)),
            axes=[1],
        )


@given(st.data())
def test_expand_dims(data: st.DataObject) -> None:
    x = data.draw(tensors(codes(ops.EXPAND_DIMS), ranks=(1, 5)))
    rank = x.data.ndim
    axis = data.draw(st.integers(-rank - 1, rank), label="axis")
    expected = np.expand_dims(x.data, axis)
    result = run_operation(
        ops.EXPAND_DIMS,
        [data.draw(outputs(x, expected.shape))],
        input=x,
        axis=data.draw(scalars(axis)),
    )
    np.testing.assert_array_equal(result[0], expected)


@given(st.data())
def test_rank(data: st.DataObject) -> None:
    kinds = [code for code in codes(ops.RANK) if "CHANNEL" not in code.name]
    x = data.draw(tensors(kinds, ranks=(1, 6), sizes=st.integers(1, 3)))
    result = run_operation(ops.RANK, [OperandType(OperandCode.INT32)], input=x)
    assert int(np.asarray(result[0]).reshape(())) == x.data.ndim


@given(st.data())
def test_fill(data: st.DataObject) -> None:
    code, value = data.draw(
        st.sampled_from(
            [
                (OperandCode.TENSOR_FLOAT32, OperandCode.FLOAT32),
                (OperandCode.TENSOR_FLOAT16, OperandCode.FLOAT16),
                (OperandCode.TENSOR_INT32, OperandCode.INT32),
            ]
        )
    )
    shape = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=5), label="shape")
    number = np.asarray(data.draw(st.integers(-2000, 2000)), value.element)
    declared = tuple(0 if data.draw(st.booleans()) else size for size in shape)
    result = run_operation(
        ops.FILL,
        [OperandType(code, declared)],
        shape=data.draw(parameters(shape)),
        value=Tensor(number, value),
    )
    np.testing.assert_array_equal(result[0], np.full(shape, number))


def test_fill_refuses_a_negative_size() -> None:
    with pytest.raises(NnapiError):
        run_operation(ops.FILL, [OperandType(F32, (0, 0))], shape=[2, -1], value=1.0)
