"""ADD SUB MUL DIV MAXIMUM MINIMUM POW PRELU against numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import FuseCode, OperandCode, OperandType, Quant
from nnapi_runtime import NnapiError
from tests.runtime.ops.closeness import assert_within_a_step, assert_within_ulps
from tests.runtime.ops.hard_values import broadcasting_tensors, output_types
from tests.runtime.ops.operand_strategies import codes, quants, scalars
from tests.runtime.ops.single_op import Tensor, run_operation, tensor

CLAMPS = {
    FuseCode.NONE: (-np.inf, np.inf),
    FuseCode.RELU: (0.0, np.inf),
    FuseCode.RELU1: (-1.0, 1.0),
    FuseCode.RELU6: (0.0, 6.0),
}


def floor_divide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.where(b == 0, 0, a // np.where(b == 0, 1, b))


REALS = {"ADD": np.add, "SUB": np.subtract, "MUL": np.multiply, "DIV": np.true_divide}
INTEGERS = REALS | {"DIV": floor_divide}


def operands(data: st.DataObject, name: str, max_rank: int) -> tuple[Tensor, Tensor]:
    code = data.draw(st.sampled_from(codes(getattr(ops, name))))
    return data.draw(broadcasting_tensors(code, max_rank))


def result_type(data: st.DataObject, a: Tensor, b: Tensor) -> OperandType:
    shape = np.broadcast_shapes(a.data.shape, b.data.shape)
    return data.draw(output_types(a.code, shape, data.draw(quants(a.code))))


@pytest.mark.parametrize("name", REALS)
@given(data=st.data())
def test_arithmetic_is_numpys(name: str, data: st.DataObject) -> None:
    a, b = operands(data, name, max_rank=4)
    integers = a.code is OperandCode.TENSOR_INT32
    activation = data.draw(st.sampled_from([FuseCode.NONE] if integers else list(FuseCode)))
    out = result_type(data, a, b)
    if name == "MUL" and isinstance(out.quant, Quant):
        # NNAPI asks for more than the product of the inputs' scales.
        scale = float(np.float32(a.quant.scale * b.quant.scale * 1.5))  # type: ignore[union-attr]
        out = OperandType(out.code, out.dims, Quant(scale, out.quant.zero_point))
    (actual,) = run_operation(
        getattr(ops, name), [out], a=a, b=b, activation=data.draw(scalars(int(activation)))
    )
    assert actual.shape == np.broadcast_shapes(a.data.shape, b.data.shape)
    low, high = CLAMPS[activation]
    with np.errstate(all="ignore"):
        if integers:
            wide = INTEGERS[name](a.data.astype(np.int64), b.data.astype(np.int64))
            np.testing.assert_array_equal(actual, wide.astype(np.int32))
        elif isinstance(out.quant, Quant):
            real = np.clip(REALS[name](a.real, b.real), low, high)
            assert_within_a_step(actual, real, out.quant)
        else:
            real = REALS[name](a.data.astype(np.float32), b.data.astype(np.float32))
            np.testing.assert_array_equal(actual, np.clip(real, low, high).astype(actual.dtype))


@given(data=st.data())
def test_quantised_addition_of_scales_far_apart(data: st.DataObject) -> None:
    """Terms thousands of steps large cancel without losing the step."""
    code = data.draw(st.sampled_from([OperandCode.TENSOR_QUANT8_ASYMM_SIGNED]))
    scale = float(np.float32(data.draw(st.sampled_from([1.0, 1e3, 1e5]))))
    base = np.arange(-128, 128).astype(np.int8)
    a = Tensor(base, code, Quant(scale))
    b = Tensor(base[::-1].copy(), code, Quant(scale, data.draw(st.integers(-5, 5))))
    quant = Quant(1.0, 3)
    (actual,) = run_operation(ops.ADD, [OperandType(code, (256,), quant)], a=a, b=b, activation=0)
    assert_within_a_step(actual, a.real + b.real, quant)


@pytest.mark.parametrize(("name", "choose"), [("MAXIMUM", np.maximum), ("MINIMUM", np.minimum)])
@given(data=st.data())
def test_extremum_is_numpys(name: str, choose: Any, data: st.DataObject) -> None:
    a, b = operands(data, name, max_rank=6)
    out = result_type(data, a, b)
    (actual,) = run_operation(getattr(ops, name), [out], a=a, b=b)
    if isinstance(out.quant, Quant):
        assert_within_a_step(actual, choose(a.real, b.real), out.quant)
    else:
        np.testing.assert_array_equal(actual, choose(a.data, b.data))


@given(data=st.data())
def test_power_is_numpys(data: st.DataObject) -> None:
    base, exponent = operands(data, "POW", max_rank=6)
    (actual,) = run_operation(
        ops.POW, [result_type(data, base, exponent)], base=base, exponent=exponent
    )
    with np.errstate(all="ignore"):
        expected = np.power(base.real, exponent.real)
    assert_within_ulps(actual, expected, 2)


@given(data=st.data())
def test_prelu_is_its_formula(data: st.DataObject) -> None:
    x, alpha = operands(data, "PRELU", max_rank=6)
    out = result_type(data, x, alpha)
    (actual,) = run_operation(ops.PRELU, [out], input=x, alpha=alpha)
    with np.errstate(all="ignore"):
        if isinstance(out.quant, Quant):
            expected = np.where(x.real >= 0, x.real, x.real * alpha.real)
            assert_within_a_step(actual, expected, out.quant)
        else:
            x32, alpha32 = x.data.astype(np.float32), alpha.data.astype(np.float32)
            expected = np.where(x32 >= 0, x32, x32 * alpha32)
            np.testing.assert_array_equal(actual, expected.astype(actual.dtype))


def test_long_operands_are_cut_into_pieces() -> None:
    random = np.random.default_rng(0)
    for shapes in [
        ((300, 300), (300, 300)),
        ((300, 300), (300,)),
        ((300, 1), (300, 300)),
        ((90000,), (1,)),
    ]:
        a, b = (random.standard_normal(shape).astype(np.float32) for shape in shapes)
        out = OperandType(OperandCode.TENSOR_FLOAT32, np.broadcast_shapes(*shapes))
        (actual,) = run_operation(ops.SUB, [out], a=tensor(a), b=tensor(b), activation=0)
        np.testing.assert_array_equal(actual, a - b)


FLOATS = OperandType(OperandCode.TENSOR_FLOAT32, (2, 3))
QUANTISED = OperandType(OperandCode.TENSOR_QUANT8_ASYMM, (2,), Quant(0.25))


def refused(spec: Any, out: OperandType, saying: str, **arguments: Any) -> None:
    with pytest.raises(NnapiError, match=saying):
        run_operation(spec, [out], **arguments)


def test_bad_models_are_refused() -> None:
    x = tensor(np.zeros((2, 3), np.float32))
    refused(
        ops.ADD, FLOATS, "do not broadcast", a=x, b=tensor(np.zeros(2, np.float32)), activation=0
    )
    refused(ops.ADD, FLOATS, "fused activation 4", a=x, b=x, activation=4)
    i = tensor(np.zeros((2, 3), np.int32))
    integers = OperandType(OperandCode.TENSOR_INT32, (2, 3))
    refused(ops.MUL, integers, "integers take only 0", a=i, b=i, activation=1)
    q = Tensor(np.zeros(2, np.uint8), OperandCode.TENSOR_QUANT8_ASYMM, Quant(0.5))
    refused(ops.MUL, QUANTISED, "scale is 0.25", a=q, b=q, activation=0)
