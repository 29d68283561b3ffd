"""GATHER, EMBEDDING_LOOKUP and HASHTABLE_LOOKUP."""

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
    codes,
    outputs,
    parameters,
    scalars,
    tensors,
)
from tests.runtime.ops.single_op import run_operation, tensor


@given(st.data())
def test_gather(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=5), label="shape")
    axis = data.draw(st.integers(-len(shape), len(shape) - 1), label="axis")
    shape[axis] += 1
    x = data.draw(tensors(codes(ops.GATHER), shape=shape))
    index_shape = data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=3), label="indices")
    random = np.random.default_rng(data.draw(SEEDS))
    indices = random.integers(0, shape[axis], index_shape).astype(np.int32)
    expected = np.take(x.data, indices, axis)
    result = run_operation(
        ops.GATHER,
        [data.draw(outputs(x, expected.shape))],
        input=x,
        axis=data.draw(scalars(axis)),
        indices=data.draw(parameters(indices)),
    )
    np.testing.assert_array_equal(result[0], expected)


@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize("index", [-1, 3, 2**31 - 1, -(2**31)])
def test_gather_refuses_an_index_outside(index: int, constant: bool) -> None:
    with pytest.raises(NnapiError):
        run_operation(
            ops.GATHER,
            [OperandType(OperandCode.TENSOR_FLOAT32, (2,))],
            input=tensor(np.zeros(3, np.float32)),
            axis=0,
            indices=tensor(np.array([0, index], np.int32), constant=constant),
        )


@given(st.data())
def test_embedding_lookup(data: st.DataObject) -> None:
    values = data.draw(tensors(codes(ops.EMBEDDING_LOOKUP), ranks=(2, 4), sizes=st.integers(1, 5)))
    rows = values.data.shape[0]
    lookups = data.draw(st.lists(st.integers(0, rows - 1), min_size=1, max_size=6))
    expected = values.data[lookups]
    result = run_operation(
        ops.EMBEDDING_LOOKUP,
        [data.draw(outputs(values, expected.shape))],
        lookups=data.draw(parameters(lookups)),
        values=values,
    )
    np.testing.assert_array_equal(result[0], expected)


@pytest.mark.parametrize("lookup", [-1, 2])
def test_embedding_lookup_refuses_an_index_outside(lookup: int) -> None:
    with pytest.raises(NnapiError):
        run_operation(
            ops.EMBEDDING_LOOKUP,
            [OperandType(OperandCode.TENSOR_FLOAT32, (1, 3))],
            lookups=tensor(np.array([lookup], np.int32)),
            values=tensor(np.zeros((2, 3), np.float32)),
        )


@given(st.data())
def test_hashtable_lookup(data: st.DataObject) -> None:
    keys = sorted(data.draw(st.sets(st.integers(-20, 20), min_size=1, max_size=8), label="keys"))
    lookups = data.draw(
        st.lists(st.sampled_from(keys) | st.integers(-22, 22), min_size=1, max_size=8)
    )
    shape = [len(keys), *data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))]
    values = data.draw(tensors(codes(ops.HASHTABLE_LOOKUP), shape=shape))
    found = [keys.index(key) if key in keys else None for key in lookups]
    expected = np.stack([values.data[0] * 0 if row is None else values.data[row] for row in found])
    hits = OperandType(OperandCode.TENSOR_QUANT8_ASYMM, (len(lookups),), Quant(1.0, 0))
    result = run_operation(
        ops.HASHTABLE_LOOKUP,
        [data.draw(outputs(values, expected.shape)), hits],
        lookups=data.draw(parameters(lookups)),
        keys=data.draw(parameters(keys)),
        values=values,
    )
    np.testing.assert_array_equal(result[0], expected)
    np.testing.assert_array_equal(result[1] != 0, [row is not None for row in found])
