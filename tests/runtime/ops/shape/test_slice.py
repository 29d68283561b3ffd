"""SLICE, STRIDED_SLICE and REVERSE."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType
from nnapi_runtime.errors import NnapiError
from tests.runtime.ops.operand_strategies import codes, outputs, parameters, scalars, tensors
from tests.runtime.ops.single_op import run_operation, tensor

F32 = OperandCode.TENSOR_FLOAT32


@given(st.data())
def test_slice(data: st.DataObject) -> None:
    x = data.draw(tensors(codes(ops.SLICE), ranks=(1, 9), sizes=st.integers(0, 3)))
    begin, size, places = [], [], []
    for dim in x.data.shape:
        start = data.draw(st.integers(0, dim))
        length = data.draw(st.integers(0, dim - start))
        places.append(slice(start, start + length))
        begin.append(start)
        size.append(-1 if start + length == dim and data.draw(st.booleans()) else length)
    expected = x.data[tuple(places)]
    result = run_operation(
        ops.SLICE,
        [data.draw(outputs(x, expected.shape))],
        input=x,
        begin=data.draw(parameters(begin)),
        size=data.draw(parameters(size)),
    )
    np.testing.assert_array_equal(result[0], expected)


@pytest.mark.parametrize(
    ("begin", "size"), [(-1, 1), (0, 6), (6, 0), (3, 3), (0, -2), (6, -1), (2**31 - 1, 2**31 - 1)]
)
def test_slice_refuses_what_is_outside(begin: int, size: int) -> None:
    with pytest.raises(NnapiError):
        run_operation(
            ops.SLICE,
            [OperandType(F32, (0,))],
            input=tensor(np.zeros(5, np.float32)),
            begin=[begin],
            size=[size],
        )


@given(st.data())
def test_strided_slice(data: st.DataObject) -> None:
    x = data.draw(tensors(codes(ops.STRIDED_SLICE), sizes=st.integers(1, 6)))
    begin, end, strides, places = [], [], [], []
    begin_mask = end_mask = shrink_mask = 0
    for i, dim in enumerate(x.data.shape):
        start, stop = data.draw(st.integers(-8, 8)), data.draw(st.integers(-8, 8))
        step = data.draw(st.sampled_from([1, 2, 3, -1, -2, -3]))
        open_start, open_stop = data.draw(st.booleans()), data.draw(st.booleans())
        if data.draw(st.booleans(), label="shrink"):
            start = data.draw(st.integers(0, dim - 1))
            stop, step, open_start, open_stop = start + 1, 1, False, False
            shrink_mask |= 1 << i
            places.append(start)
        else:
            # A stop that counts from the end beyond the first element means "not even that one".
            places.append(slice(None if open_start else start, None if open_stop else stop, step))
        begin_mask |= open_start << i
        end_mask |= open_stop << i
        begin.append(start)
        end.append(stop)
        strides.append(step)
    expected = x.data[tuple(places)]
    expected = expected.reshape(expected.shape or (1,))
    result = run_operation(
        ops.STRIDED_SLICE,
        [data.draw(outputs(x, expected.shape))],
        input=x,
        begin=data.draw(parameters(begin)),
        end=data.draw(parameters(end)),
        strides=data.draw(parameters(strides)),
        begin_mask=data.draw(scalars(begin_mask)),
        end_mask=data.draw(scalars(end_mask)),
        shrink_axis_mask=data.draw(scalars(shrink_mask)),
    )
    np.testing.assert_array_equal(result[0], expected)


@pytest.mark.parametrize(
    ("stride", "begin", "end", "shrink"), [(0, 0, 5, 0), (-1, 4, 3, 1), (1, 1, 3, 1), (1, 5, 6, 1)]
)
def test_strided_slice_refuses_no_step_and_wrong_shrinking(
    stride: int, begin: int, end: int, shrink: int
) -> None:
    with pytest.raises(NnapiError):
        run_operation(
            ops.STRIDED_SLICE,
            [OperandType(F32, (0,))],
            input=tensor(np.zeros(5, np.float32)),
            begin=[begin],
            end=[end],
            strides=[stride],
            begin_mask=0,
            end_mask=0,
            shrink_axis_mask=shrink,
        )


def test_strided_slice_takes_steps_of_any_size() -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    result = run_operation(
        ops.STRIDED_SLICE,
        [OperandType(F32, (0, 0))],
        input=tensor(x),
        begin=[-(2**31), 2**31 - 1],
        end=[2**31 - 1, -(2**31)],
        strides=[2**31 - 1, -(2**31)],
        begin_mask=0,
        end_mask=0,
        shrink_axis_mask=0,
    )
    np.testing.assert_array_equal(result[0], x[:1, 2:])


@given(st.data())
def test_reverse(data: st.DataObject) -> None:
    x = data.draw(tensors(codes(ops.REVERSE), ranks=(1, 8), sizes=st.integers(0, 3)))
    axis = data.draw(st.integers(0, x.data.ndim - 1), label="axis")
    result = run_operation(
        ops.REVERSE,
        [data.draw(outputs(x, x.data.shape))],
        input=x,
        axis=data.draw(parameters([axis])),
    )
    np.testing.assert_array_equal(result[0], np.flip(x.data, axis))
