"""BATCH_MATMUL against numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType, Quant
from nnapi_runtime.errors import NnapiError
from tests.runtime.ops.closeness import assert_within_a_step
from tests.runtime.ops.operand_strategies import SEEDS, array, codes, quants
from tests.runtime.ops.single_op import Tensor, run_operation, tensor


@given(data=st.data())
def test_is_numpys(data: st.DataObject) -> None:
    code = data.draw(st.sampled_from(codes(ops.BATCH_MATMUL)), label="type")
    batch = tuple(data.draw(st.lists(st.integers(1, 3), max_size=2), label="batch"))
    sizes = st.one_of(st.integers(1, 5), st.sampled_from([20, 70]))
    rows, depth, columns = (data.draw(sizes) for _ in range(3))
    transposes = [data.draw(st.booleans()), data.draw(st.booleans())]
    one_right = data.draw(st.booleans(), label="one right matrix")

    def operand(batch: tuple[int, ...], matrix: tuple[int, int], transposed: bool) -> Tensor:
        shape = batch + (matrix[::-1] if transposed else matrix)
        values = array(code, shape, data.draw(SEEDS))
        return Tensor(values, code, data.draw(quants(code)), constant=data.draw(st.booleans()))

    a = operand(batch, (rows, depth), transposes[0])
    b = operand((1,) * len(batch) if one_right else batch, (depth, columns), transposes[1])

    def matrices(x: np.ndarray, transposed: bool) -> np.ndarray:
        return np.swapaxes(x, -1, -2) if transposed else x

    x, y = matrices(a.real, transposes[0]), matrices(b.real, transposes[1])
    expected = x @ y
    quant = None
    if code.is_quantised:
        quant = Quant(
            float(np.float32(max(np.std(expected), 1e-3) / 40)),
            data.draw(st.sampled_from([0, -128, 127])),
        )
    declared = tuple(0 if data.draw(st.booleans()) else n for n in expected.shape)
    arguments: dict[str, Any] = {"a": a, "b": b}
    if any(transposes) or data.draw(st.booleans()):
        arguments |= {"transpose_a": transposes[0], "transpose_b": transposes[1]}
    (actual,) = run_operation(ops.BATCH_MATMUL, [OperandType(code, declared, quant)], **arguments)
    assert actual.shape == expected.shape
    if quant is not None:
        assert_within_a_step(actual, expected, quant)
    elif code is OperandCode.TENSOR_INT32:
        np.testing.assert_array_equal(actual, expected)
    else:
        error = np.abs(x) @ np.abs(y) * 2.0**-20 + 1e-7
        if code is OperandCode.TENSOR_FLOAT16:
            error = error + np.abs(expected) * 2.0**-10
        assert (np.abs(actual - expected) <= error).all()


def test_integers_wrap_around() -> None:
    big = np.full((1, 4), 2**30, np.int32)
    (actual,) = run_operation(
        ops.BATCH_MATMUL,
        [OperandType(OperandCode.TENSOR_INT32, (1, 1))],
        a=tensor(big),
        b=tensor(np.array([[3], [3], [3], [2]], np.int32)),
    )
    assert actual.item() == np.int64(11 * 2**30).astype(np.int32)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ((2, 3), (2, 3), "2 x 3 and 2 x 3 cannot be multiplied"),
        ((2, 3), (1, 3, 2), "ranks 2 and 3"),
        ((2, 2, 3), (3, 3, 2), "right batch"),
        ((1, 2, 3), (2, 3, 2), "right batch"),
    ],
)
def test_what_does_not_match_is_refused(
    a: tuple[int, ...], b: tuple[int, ...], message: str
) -> None:
    with pytest.raises(NnapiError, match=message):
        run_operation(
            ops.BATCH_MATMUL,
            [OperandType(OperandCode.TENSOR_FLOAT32, (0,) * len(a))],
            a=tensor(np.ones(a, np.float32)),
            b=tensor(np.ones(b, np.float32)),
        )
