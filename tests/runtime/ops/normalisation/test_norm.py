"""L2_NORMALIZATION LOCAL_RESPONSE_NORMALIZATION INSTANCE_NORMALIZATION against numpy in double."""

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

LONG = st.one_of(SIZES, st.integers(60, 140))


def optional_axis(data: st.DataObject, rank: int) -> tuple[int, dict[str, Any]]:
    axis = data.draw(st.integers(-rank, rank - 1))
    if axis == -1 and data.draw(st.booleans()):
        return axis, {}
    return axis, {"axis": data.draw(scalars(axis))}


def assert_near(actual: np.ndarray, expected: np.ndarray, size: float = 1.0) -> None:
    """``size`` is that of the largest intermediate."""
    epsilon = 4 * float(np.finfo(actual.dtype).eps)
    np.testing.assert_allclose(actual, expected, rtol=epsilon, atol=epsilon * size)
    assert actual.shape == expected.shape


@given(data=st.data())
def test_l2_normalization(data: st.DataObject) -> None:
    x = data.draw(tensors(codes(ops.L2_NORMALIZATION), sizes=LONG, ranks=(1, 3)))
    axis, arguments = optional_axis(data, x.data.ndim)
    quant = None
    if x.code.is_quantised:
        quant = Quant(1 / 128, 0 if x.data.dtype == np.int8 else 128)
    out = data.draw(output_types(x.code, x.data.shape, quant))
    (actual,) = run_operation(ops.L2_NORMALIZATION, [out], input=x, **arguments)
    length = np.sqrt((x.real**2).sum(axis, keepdims=True))
    expected = x.real / np.where(length == 0, 1, length)
    if quant:
        assert_within_a_step(actual, expected, quant)
    else:
        assert_near(actual, expected)


def local_energy(x: np.ndarray, axis: int, radius: int) -> np.ndarray:
    squares = np.moveaxis(x, axis, -1) ** 2
    sums = [
        squares[..., max(0, i - radius) : i + radius + 1].sum(-1) for i in range(squares.shape[-1])
    ]
    return np.moveaxis(np.stack(sums, -1) if sums else squares, -1, axis)


@given(data=st.data(), radius=st.sampled_from([0, 1, 2, 5, 2**31 - 1]))
def test_local_response_normalization(data: st.DataObject, radius: int) -> None:
    x = data.draw(tensors(codes(ops.LOCAL_RESPONSE_NORMALIZATION), sizes=LONG, ranks=(1, 3)))
    axis, arguments = optional_axis(data, x.data.ndim)
    bias, alpha, beta = data.draw(
        st.sampled_from([(1.0, 0.5, 0.5), (2.0, 1.0, 0.75), (0.5, 4.0, 1.0)])
    )
    out = data.draw(output_types(x.code, x.data.shape))
    (actual,) = run_operation(
        ops.LOCAL_RESPONSE_NORMALIZATION,
        [out],
        input=x,
        radius=data.draw(scalars(radius)),
        bias=bias,
        alpha=alpha,
        beta=beta,
        **arguments,
    )
    expected = x.real / (bias + alpha * local_energy(x.real, axis, radius)) ** beta
    assert_near(actual, expected)


@given(data=st.data(), nchw=st.booleans())
def test_instance_normalization(data: st.DataObject, nchw: bool) -> None:
    x = data.draw(tensors(codes(ops.INSTANCE_NORMALIZATION), ranks=(4, 4)))
    gamma, beta, epsilon = data.draw(st.sampled_from([(1.0, 0.0, 0.125), (-2.0, 1.5, 1e-3)]))
    out = data.draw(output_types(x.code, x.data.shape))
    (actual,) = run_operation(
        ops.INSTANCE_NORMALIZATION,
        [out],
        input=x,
        gamma=gamma,
        beta=beta,
        epsilon=epsilon,
        nchw=nchw,
    )
    if x.data.size == 0:
        assert actual.shape == x.data.shape
        return
    pixels = (2, 3) if nchw else (1, 2)
    mean, variance = x.real.mean(pixels, keepdims=True), x.real.var(pixels, keepdims=True)
    stored_epsilon = float(np.asarray(epsilon, x.data.dtype))
    expected = (x.real - mean) * gamma / np.sqrt(variance + stored_epsilon) + beta
    assert_near(actual, expected, size=8.0)


def test_zeros_stay_zeros() -> None:
    for x in (
        tensor(np.zeros((3, 2), np.float32)),
        Tensor(np.full((3, 2), 7, np.uint8), OperandCode.TENSOR_QUANT8_ASYMM, Quant(0.1, 7)),
    ):
        quant = Quant(1 / 128, 128) if x.quant else None
        out = OperandType(x.code, (3, 2), quant)
        (actual,) = run_operation(ops.L2_NORMALIZATION, [out], input=x)
        np.testing.assert_array_equal(actual, 128 if quant else 0)


def test_bad_models_are_refused() -> None:
    x = tensor(np.zeros((2, 3), np.float32))
    out = OperandType(x.code, (2, 3))
    with pytest.raises(NnapiError, match="axis 2"):
        run_operation(ops.L2_NORMALIZATION, [out], input=x, axis=2)
    factors = {"bias": 1.0, "alpha": 1.0, "beta": 1.0}
    with pytest.raises(NnapiError, match="radius -1"):
        run_operation(ops.LOCAL_RESPONSE_NORMALIZATION, [out], input=x, radius=-1, **factors)
    q = Tensor(np.zeros(2, np.int8), OperandCode.TENSOR_QUANT8_ASYMM_SIGNED, Quant(0.5))
    with pytest.raises(NnapiError, match="output has scale"):
        run_operation(
            ops.L2_NORMALIZATION, [OperandType(q.code, (2,), Quant(1 / 128, 128 - 1))], input=q
        )
