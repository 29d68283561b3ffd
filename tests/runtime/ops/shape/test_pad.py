"""PAD, PAD_V2 and MIRROR_PAD."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType, Quant
from nnapi_runtime.errors import NnapiError
from tests.runtime.ops.operand_strategies import codes, outputs, parameters, scalars, tensors
from tests.runtime.ops.single_op import Tensor, run_operation, tensor

F32 = OperandCode.TENSOR_FLOAT32
PADDINGS = st.tuples(st.integers(0, 3), st.integers(0, 3))


@given(st.data())
def test_pad(data: st.DataObject) -> None:
    x = data.draw(tensors(codes(ops.PAD)))
    paddings = [data.draw(PADDINGS) for _ in x.data.shape]
    zero = x.quant.zero_point if isinstance(x.quant, Quant) else 0
    expected = np.pad(x.data, paddings, constant_values=zero)
    result = run_operation(
        ops.PAD,
        [data.draw(outputs(x, expected.shape))],
        input=x,
        paddings=data.draw(parameters(paddings)),
    )
    np.testing.assert_array_equal(result[0], expected)


@given(st.data())
def test_pad_v2(data: st.DataObject) -> None:
    x = data.draw(tensors(codes(ops.PAD_V2)))
    paddings = [data.draw(PADDINGS) for _ in x.data.shape]
    rule = next(rule for rule in ops.PAD_V2.rules if rule.types["T"] is x.code)
    low = np.iinfo(x.code.element).min if isinstance(x.quant, Quant) else -100
    number = data.draw(st.integers(int(low), int(low) + 255), label="value")
    value = np.asarray(number, rule.types["V"].element)
    expected = np.pad(x.data, paddings, constant_values=value.astype(x.data.dtype))
    result = run_operation(
        ops.PAD_V2,
        [data.draw(outputs(x, expected.shape))],
        input=x,
        paddings=data.draw(parameters(paddings)),
        value=Tensor(value, rule.types["V"]) if data.draw(st.booleans()) else value[()],
    )
    np.testing.assert_array_equal(result[0], expected)


@given(st.data())
def test_mirror_pad(data: st.DataObject) -> None:
    x = data.draw(tensors(codes(ops.MIRROR_PAD), ranks=(1, 9), sizes=st.integers(1, 3)))
    reflect = data.draw(st.booleans(), label="reflect")
    most = [min(size - reflect, 1 if x.data.ndim > 5 else 3) for size in x.data.shape]
    paddings = [(data.draw(st.integers(0, m)), data.draw(st.integers(0, m))) for m in most]
    expected = np.pad(x.data, paddings, mode="reflect" if reflect else "symmetric")
    result = run_operation(
        ops.MIRROR_PAD,
        [data.draw(outputs(x, expected.shape))],
        input=x,
        paddings=data.draw(parameters(paddings)),
        mode=data.draw(scalars(0 if reflect else 1)),
    )
    np.testing.assert_array_equal(result[0], expected)


@pytest.mark.parametrize(
    ("paddings", "mode"), [([[3, 0]], 0), ([[0, 4]], 1), ([[-1, 0]], 1), ([[0, 0]], 2)]
)
def test_mirror_pad_refuses_more_than_there_is(paddings: list[list[int]], mode: int) -> None:
    with pytest.raises(NnapiError):
        run_operation(
            ops.MIRROR_PAD,
            [OperandType(F32, (0,))],
            input=tensor(np.zeros(3, np.float32)),
            paddings=tensor(np.array(paddings, np.int32), constant=True),
            mode=mode,
        )


@pytest.mark.parametrize(
    "paddings", [[[-1, 2]], [[2**31 - 1, 2**31 - 1]], [[0, 0], [0, 0]], [[0, 0, 0]]]
)
def test_pad_refuses_impossible_paddings(paddings: list[list[int]]) -> None:
    with pytest.raises(NnapiError):
        run_operation(
            ops.PAD,
            [OperandType(F32, (0,))],
            input=tensor(np.zeros(3, np.float32)),
            paddings=tensor(np.array(paddings, np.int32)),
        )
