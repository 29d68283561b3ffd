"""SOFTMAX LOG_SOFTMAX against numpy in double."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType, Quant
from nnapi_runtime import NnapiError
from tests.runtime.ops.closeness import assert_within_a_step
from tests.runtime.ops.hard_values import output_types
from tests.runtime.ops.operand_strategies import SIZES, codes, scalars, tensors
from tests.runtime.ops.single_op import Tensor, run_operation, tensor

BETAS = st.sampled_from([0.125, 1.0, 2.5])
LONG = st.one_of(SIZES, st.integers(60, 140))


def log_softmax(x: np.ndarray, axis: int) -> np.ndarray:
    if x.size == 0:
        return x
    shifted = x - x.max(axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


def output_quant(code: OperandCode) -> Quant | None:
    if not code.is_quantised:
        return None
    return Quant(1 / 256, int(np.iinfo(code.element).min))


@given(data=st.data(), beta=BETAS)
def test_softmax_is_numpys(data: st.DataObject, beta: float) -> None:
    x = data.draw(tensors(codes(ops.SOFTMAX), sizes=LONG, ranks=(1, 3)))
    arguments: dict[str, Any] = {}
    axis = data.draw(st.integers(-x.data.ndim, x.data.ndim - 1))
    if axis != -1 or data.draw(st.booleans()):
        arguments["axis"] = data.draw(scalars(axis))
    out = data.draw(output_types(x.code, x.data.shape, output_quant(x.code)))
    (actual,) = run_operation(ops.SOFTMAX, [out], input=x, beta=beta, **arguments)
    expected = np.exp(log_softmax(x.real * beta, axis))
    assert actual.shape == expected.shape
    if isinstance(out.quant, Quant):
        assert_within_a_step(actual, expected, out.quant)
    else:
        epsilon = float(np.finfo(x.data.dtype).eps)
        tiny = float(np.finfo(x.data.dtype).smallest_subnormal)
        # exp multiplies the rounding error of its argument by that argument.
        spread = float(np.ptp(x.real * beta)) if x.data.size else 0.0
        np.testing.assert_allclose(actual, expected, rtol=(4 + spread) * epsilon, atol=tiny)


@given(data=st.data(), beta=BETAS)
def test_log_softmax_is_numpys(data: st.DataObject, beta: float) -> None:
    x = data.draw(tensors(codes(ops.LOG_SOFTMAX), sizes=LONG, ranks=(1, 3)))
    axis = data.draw(st.integers(-x.data.ndim, x.data.ndim - 1))
    out = data.draw(output_types(x.code, x.data.shape))
    (actual,) = run_operation(
        ops.LOG_SOFTMAX, [out], input=x, beta=beta, axis=data.draw(scalars(axis))
    )
    epsilon = float(np.finfo(x.data.dtype).eps)
    expected = log_softmax(x.real * beta, axis)
    np.testing.assert_allclose(actual, expected, rtol=4 * epsilon, atol=16 * epsilon)


def test_infinities_are_torchs() -> None:
    """-inf has probability 0; a slice of nothing else, an inf or a NaN leaves no numbers in it."""
    inf, nan = np.inf, np.nan
    x = np.array([[0, -inf, 0], [-inf, -inf, -inf], [inf, 0, 0], [0, nan, 0]], np.float32)
    expected = np.array([[0.5, 0, 0.5], [nan] * 3, [nan] * 3, [nan] * 3], np.float32)
    for transposed in (False, True):
        given_, wanted = (x.T.copy(), expected.T) if transposed else (x, expected)
        out = OperandType(OperandCode.TENSOR_FLOAT32, given_.shape)
        arguments: dict[str, Any] = {"input": tensor(given_), "axis": 0 if transposed else 1}
        (actual,) = run_operation(ops.SOFTMAX, [out], beta=1.0, **arguments)
        np.testing.assert_array_equal(actual, wanted)
        (actual,) = run_operation(ops.LOG_SOFTMAX, [out], beta=1.0, **arguments)
        with np.errstate(divide="ignore"):
            np.testing.assert_allclose(actual, np.log(wanted), rtol=1e-6)


def test_bad_models_are_refused() -> None:
    x = tensor(np.zeros((2, 3), np.float32))
    out = OperandType(x.code, (2, 3))
    for beta in (0.0, -1.0, np.nan):
        with pytest.raises(NnapiError, match="beta"):
            run_operation(ops.SOFTMAX, [out], input=x, beta=float(beta))
    for axis in (2, -3):
        for spec in (ops.SOFTMAX, ops.LOG_SOFTMAX):
            with pytest.raises(NnapiError, match=f"axis {axis}"):
                run_operation(spec, [out], input=x, beta=1.0, axis=axis)
    q = Tensor(np.zeros(2, np.uint8), OperandCode.TENSOR_QUANT8_ASYMM, Quant(0.5))
    with pytest.raises(NnapiError, match="output has scale"):
        run_operation(ops.SOFTMAX, [OperandType(q.code, (2,), Quant(1 / 128))], input=q, beta=1.0)
