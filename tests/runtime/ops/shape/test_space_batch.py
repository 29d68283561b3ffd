"""BATCH_TO_SPACE_ND, SPACE_TO_BATCH_ND, DEPTH_TO_SPACE, SPACE_TO_DEPTH and CHANNEL_SHUFFLE."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import OperationSpec, ops
from nnapi_core.nnapi.types import OperandCode, OperandType, Quant
from nnapi_runtime.errors import NnapiError
from tests.runtime.ops.operand_strategies import (
    SEEDS,
    array,
    codes,
    outputs,
    parameters,
    quants,
    scalars,
    tensors,
)
from tests.runtime.ops.single_op import Tensor, run_operation, tensor

TO_NCHW, TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)
SIZES = st.integers(0, 4)


def batch_to_space(x: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """In channels-last layout, as all references here."""
    n, h, w, c = x.shape
    blocks = x.reshape(rows, columns, n // (rows * columns), h, w, c)
    return blocks.transpose(2, 3, 0, 4, 1, 5).reshape(
        -1 if x.size else n // (rows * columns), h * rows, w * columns, c
    )


def space_to_batch(x: np.ndarray, rows: int, columns: int) -> np.ndarray:
    n, h, w, c = x.shape
    grid = x.reshape(n, h // rows, rows, w // columns, columns, c)
    return grid.transpose(2, 4, 0, 1, 3, 5).reshape(n * rows * columns, h // rows, w // columns, c)


def depth_to_space(x: np.ndarray, block: int) -> np.ndarray:
    n, h, w, c = x.shape
    depth = c // (block * block)
    blocks = x.reshape(n, h, w, block, block, depth)
    return blocks.transpose(0, 1, 3, 2, 4, 5).reshape(n, h * block, w * block, depth)


def space_to_depth(x: np.ndarray, block: int) -> np.ndarray:
    n, h, w, c = x.shape
    grid = x.reshape(n, h // block, block, w // block, block, c)
    return grid.transpose(0, 1, 3, 2, 4, 5).reshape(n, h // block, w // block, block * block * c)


def check(
    data: st.DataObject, spec: OperationSpec, x: Tensor, expected: np.ndarray, **arguments: object
) -> None:
    """`x` and `expected` are channels-last; the operation may see them channels-first."""
    nchw = data.draw(st.sampled_from([None, False, True]), label="nchw")
    if nchw:
        x = Tensor(x.data.transpose(TO_NCHW), x.code, x.quant)
        expected = expected.transpose(TO_NCHW)
    if nchw is not None:
        at_run_time = data.draw(st.booleans(), label="layout known at run time")
        arguments["nchw"] = Tensor(np.asarray(nchw), OperandCode.BOOL) if at_run_time else nchw
    result = run_operation(spec, [data.draw(outputs(x, expected.shape))], input=x, **arguments)
    np.testing.assert_array_equal(result[0], expected)


@given(st.data())
def test_batch_to_space_nd(data: st.DataObject) -> None:
    rows, columns = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    n, h, w, c = (data.draw(SIZES) for _ in range(4))
    x = data.draw(tensors(codes(ops.BATCH_TO_SPACE_ND), shape=(n * rows * columns, h, w, c)))
    check(
        data,
        ops.BATCH_TO_SPACE_ND,
        x,
        batch_to_space(x.data, rows, columns),
        block_size=data.draw(parameters([rows, columns])),
    )


@given(st.data())
def test_space_to_batch_nd(data: st.DataObject) -> None:
    rows, columns = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    paddings = []
    sizes = []
    for block in (rows, columns):
        padded = block * data.draw(SIZES)
        before = data.draw(st.integers(0, padded))
        after = data.draw(st.integers(0, padded - before))
        paddings.append((before, after))
        sizes.append(padded - before - after)
    code = data.draw(st.sampled_from(codes(ops.SPACE_TO_BATCH_ND)))
    quant = data.draw(quants(code))
    shape = (data.draw(SIZES), *sizes, data.draw(SIZES))
    x = Tensor(array(code, shape, data.draw(SEEDS)), code, quant)
    zero = quant.zero_point if isinstance(quant, Quant) else 0
    padded = np.pad(x.data, [(0, 0), *paddings, (0, 0)], constant_values=zero)
    check(
        data,
        ops.SPACE_TO_BATCH_ND,
        x,
        space_to_batch(padded, rows, columns),
        block_size=data.draw(parameters([rows, columns])),
        paddings=data.draw(parameters(paddings)),
    )


@given(st.data())
def test_depth_to_space(data: st.DataObject) -> None:
    block = data.draw(st.integers(1, 3))
    n, h, w, c = (data.draw(SIZES) for _ in range(4))
    x = data.draw(tensors(codes(ops.DEPTH_TO_SPACE), shape=(n, h, w, c * block * block)))
    expected = depth_to_space(x.data, block)
    check(data, ops.DEPTH_TO_SPACE, x, expected, block_size=data.draw(scalars(block)))


@given(st.data())
def test_space_to_depth(data: st.DataObject) -> None:
    block = data.draw(st.integers(1, 3))
    n, h, w, c = (data.draw(SIZES) for _ in range(4))
    x = data.draw(tensors(codes(ops.SPACE_TO_DEPTH), shape=(n, h * block, w * block, c)))
    expected = space_to_depth(x.data, block)
    check(data, ops.SPACE_TO_DEPTH, x, expected, block_size=data.draw(scalars(block)))


@given(st.data())
def test_channel_shuffle(data: st.DataObject) -> None:
    groups = data.draw(st.integers(1, 4), label="groups")
    shape = data.draw(st.lists(SIZES, min_size=1, max_size=4), label="shape")
    axis = data.draw(st.integers(-len(shape), len(shape) - 1), label="axis")
    per_group = shape[axis]
    shape[axis] *= groups
    x = data.draw(tensors(codes(ops.CHANNEL_SHUFFLE), shape=shape))
    order = np.arange(groups * per_group).reshape(groups, per_group).T.ravel()
    result = run_operation(
        ops.CHANNEL_SHUFFLE,
        [data.draw(outputs(x, shape))],
        input=x,
        groups=data.draw(scalars(groups)),
        axis=data.draw(scalars(axis)),
    )
    np.testing.assert_array_equal(result[0], np.take(x.data, order, axis))


@pytest.mark.parametrize("block", [0, -1, 3, 2**31 - 1])
@pytest.mark.parametrize("spec", [ops.DEPTH_TO_SPACE, ops.SPACE_TO_DEPTH], ids=str)
def test_depth_and_space_refuse_blocks_that_do_not_fit(spec: OperationSpec, block: int) -> None:
    with pytest.raises(NnapiError):
        run_operation(
            spec,
            [OperandType(OperandCode.TENSOR_FLOAT32, (0, 0, 0, 0))],
            input=tensor(np.zeros((1, 4, 4, 4), np.float32)),
            block_size=block,
        )


@pytest.mark.parametrize("block", [[0, 1], [1, -1], [3, 1], [2**31 - 1, 2**31 - 1], [1], [1, 1, 1]])
def test_batch_to_space_refuses_blocks_that_do_not_fit(block: list[int]) -> None:
    with pytest.raises(NnapiError):
        run_operation(
            ops.BATCH_TO_SPACE_ND,
            [OperandType(OperandCode.TENSOR_FLOAT32, (0, 0, 0, 0))],
            input=tensor(np.zeros((4, 4, 4, 4), np.float32)),
            block_size=block,
        )
