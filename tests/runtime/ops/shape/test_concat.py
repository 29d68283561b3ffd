"""CONCATENATION, PACK and SPLIT."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType, Quant
from nnapi_runtime.errors import NnapiError
from tests.runtime.ops.operand_strategies import (
    SEEDS,
    array,
    codes,
    outputs,
    quants,
    scalars,
    tensors,
)
from tests.runtime.ops.single_op import Tensor, run_operation, tensor


@given(st.data())
def test_concatenation(data: st.DataObject) -> None:
    code = data.draw(st.sampled_from(codes(ops.CONCATENATION)))
    shape = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=4), label="shape")
    axis = data.draw(st.integers(0, len(shape) - 1), label="axis")
    parts = []
    for size in data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=4), label="sizes"):
        part = array(code, [*shape[:axis], size, *shape[axis + 1 :]], data.draw(SEEDS))
        parts.append(Tensor(part, code, data.draw(quants(code))))
    quant = data.draw(quants(code))
    shape[axis] = sum(part.data.shape[axis] for part in parts)
    like = Tensor(array(code, shape, 0), code, quant)
    result = run_operation(
        ops.CONCATENATION,
        [data.draw(outputs(like, shape))],
        input=parts,
        axis=data.draw(scalars(axis)),
    )
    if not isinstance(quant, Quant):
        np.testing.assert_array_equal(result[0], np.concatenate([p.data for p in parts], axis))
        return
    real = np.concatenate([part.real for part in parts], axis)
    info = np.iinfo(code.element)
    exact = np.clip(real / quant.scale + quant.zero_point, info.min, info.max)
    assert np.all(np.abs(result[0].astype(np.float64) - exact) <= 0.5 + 1e-6)


def test_concatenation_refuses_shapes_that_do_not_match() -> None:
    parts = [tensor(np.zeros((2, 3), np.float32)), tensor(np.zeros((3, 3), np.float32))]
    with pytest.raises(NnapiError):
        run_operation(
            ops.CONCATENATION,
            [OperandType(OperandCode.TENSOR_FLOAT32, (0, 0))],
            input=parts,
            axis=1,
        )


@given(st.data())
def test_pack(data: st.DataObject) -> None:
    first = data.draw(tensors(codes(ops.PACK), ranks=(1, 5)))
    parts = [first] + [
        Tensor(array(first.code, first.data.shape, data.draw(SEEDS)), first.code, first.quant)
        for _ in range(data.draw(st.integers(0, 3), label="more"))
    ]
    axis = data.draw(st.integers(0, first.data.ndim), label="axis")
    expected = np.stack([part.data for part in parts], axis)
    result = run_operation(
        ops.PACK,
        [data.draw(outputs(first, expected.shape))],
        axis=data.draw(scalars(axis)),
        input=parts,
    )
    np.testing.assert_array_equal(result[0], expected)


@given(st.data())
def test_split(data: st.DataObject) -> None:
    splits = data.draw(st.integers(1, 4), label="splits")
    shape = data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=5), label="shape")
    axis = data.draw(st.integers(-len(shape), len(shape) - 1), label="axis")
    shape[axis] *= splits
    x = data.draw(tensors(codes(ops.SPLIT), shape=shape))
    expected = np.split(x.data, splits, axis)
    result = run_operation(
        ops.SPLIT,
        [data.draw(outputs(x, part.shape)) for part in expected],
        input=x,
        axis=data.draw(scalars(axis)),
        num_splits=data.draw(scalars(splits)),
    )
    assert len(result) == splits
    for part, wanted in zip(result, expected, strict=True):
        np.testing.assert_array_equal(part, wanted)


@pytest.mark.parametrize(("axis", "splits"), [(0, 3), (2, 2), (-3, 2), (0, 0), (0, 1)])
def test_split_refuses_uneven_parts_and_other_numbers_of_outputs(axis: int, splits: int) -> None:
    with pytest.raises(NnapiError):
        run_operation(
            ops.SPLIT,
            [OperandType(OperandCode.TENSOR_FLOAT32, (0, 0))] * 2,
            input=tensor(np.zeros((4, 4), np.float32)),
            axis=axis,
            num_splits=splits,
        )
