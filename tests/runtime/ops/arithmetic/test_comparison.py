"""EQUAL NOT_EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL LOGICAL_AND LOGICAL_OR against numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType, Quant
from nnapi_runtime import NnapiError
from tests.runtime.ops.hard_values import broadcasting_tensors, output_types
from tests.runtime.ops.operand_strategies import codes
from tests.runtime.ops.single_op import Tensor, run_operation, tensor

FUNCTIONS = {
    "EQUAL": np.equal,
    "NOT_EQUAL": np.not_equal,
    "GREATER": np.greater,
    "GREATER_EQUAL": np.greater_equal,
    "LESS": np.less,
    "LESS_EQUAL": np.less_equal,
    "LOGICAL_AND": np.logical_and,
    "LOGICAL_OR": np.logical_or,
}
BOOLEANS = OperandCode.TENSOR_BOOL8


def comparable(operand: Tensor) -> np.ndarray:
    """What NNAPI compares: quantised values as float32 numbers."""
    if isinstance(operand.quant, Quant):
        steps = operand.data.astype(np.int32) - operand.quant.zero_point
        return steps.astype(np.float32) * np.float32(operand.quant.scale)
    return operand.data


@pytest.mark.parametrize("name", FUNCTIONS)
@given(data=st.data())
def test_comparison_is_numpys(name: str, data: st.DataObject) -> None:
    spec = getattr(ops, name)
    code = data.draw(st.sampled_from(codes(spec)))
    a, b = data.draw(broadcasting_tensors(code, 6))
    shape = np.broadcast_shapes(a.data.shape, b.data.shape)
    (actual,) = run_operation(spec, [data.draw(output_types(BOOLEANS, shape))], a=a, b=b)
    np.testing.assert_array_equal(actual, FUNCTIONS[name](comparable(a), comparable(b)))
    assert actual.shape == shape


@pytest.mark.parametrize("name", FUNCTIONS)
@given(data=st.data())
def test_values_near_one_another(name: str, data: st.DataObject) -> None:
    """Random operands hardly ever are equal."""
    spec = getattr(ops, name)
    code = data.draw(st.sampled_from(codes(spec)))
    values = st.lists(st.integers(0, 3), min_size=4, max_size=4)
    quant = Quant(0.1, 1) if code.is_quantised else None
    doubled = Quant(0.2, 2) if code.is_quantised else None
    a = Tensor(np.array(data.draw(values)).astype(code.element), code, quant)
    b = Tensor(np.array(data.draw(values)).astype(code.element), code, doubled)
    (actual,) = run_operation(spec, [OperandType(BOOLEANS, (4,))], a=a, b=b)
    np.testing.assert_array_equal(actual, FUNCTIONS[name](comparable(a), comparable(b)))


def test_any_byte_but_zero_is_true() -> None:
    a = tensor(np.array([0, 1, 2, 255], np.uint8).view(bool))
    b = tensor(np.array([0, 2, 1, 0], np.uint8).view(bool))
    for name, expected in {
        "EQUAL": [1, 1, 1, 0],
        "LOGICAL_AND": [0, 1, 1, 0],
        "LOGICAL_OR": [0, 1, 1, 1],
        "GREATER": [0, 0, 0, 1],
    }.items():
        (actual,) = run_operation(getattr(ops, name), [OperandType(BOOLEANS, (4,))], a=a, b=b)
        np.testing.assert_array_equal(actual.view(np.uint8), expected)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_shapes_that_do_not_broadcast_are_refused(name: str) -> None:
    arguments: dict[str, Any] = {
        "a": tensor(np.zeros((2, 3), bool)),
        "b": tensor(np.zeros(2, bool)),
    }
    with pytest.raises(NnapiError, match="do not broadcast"):
        run_operation(getattr(ops, name), [OperandType(BOOLEANS, (2, 3))], **arguments)
