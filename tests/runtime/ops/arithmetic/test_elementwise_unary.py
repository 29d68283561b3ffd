"""ABS NEG EXP LOG SQRT RSQRT SIN FLOOR LOGICAL_NOT against numpy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType
from tests.runtime.ops.closeness import assert_within_ulps, steps
from tests.runtime.ops.hard_values import hard_tensors, output_types, shapes
from tests.runtime.ops.operand_strategies import codes, quants
from tests.runtime.ops.single_op import Tensor, run_operation, tensor


def rsqrt(x: np.ndarray) -> np.ndarray:
    return 1.0 / np.sqrt(x)


EXACT: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "ABS": np.abs,
    "NEG": np.negative,
    "SQRT": np.sqrt,
    "FLOOR": np.floor,
    "LOGICAL_NOT": np.logical_not,
}
ROUNDED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "EXP": np.exp,
    "LOG": np.log,
    "RSQRT": rsqrt,
    "SIN": np.sin,
}


def unquantised(name: str) -> list[OperandCode]:
    return [code for code in codes(getattr(ops, name)) if not code.is_quantised]


def operand(data: st.DataObject, name: str) -> Tensor:
    code = data.draw(st.sampled_from(unquantised(name)))
    ranks = (1, 4) if name == "FLOOR" else (1, 6)
    return data.draw(hard_tensors(code, data.draw(shapes(ranks))))


@pytest.mark.parametrize("name", EXACT)
@given(data=st.data())
def test_numpys_result_exactly(name: str, data: st.DataObject) -> None:
    x = operand(data, name)
    out = data.draw(output_types(x.code, x.data.shape))
    (actual,) = run_operation(getattr(ops, name), [out], input=x)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(actual, EXACT[name](x.data))
    if x.data.dtype.kind == "f" and name in ("ABS", "NEG"):
        np.testing.assert_array_equal(np.signbit(actual), np.signbit(EXACT[name](x.data)))


@pytest.mark.parametrize("name", ROUNDED)
@given(data=st.data())
def test_numpys_result_rounded(name: str, data: st.DataObject) -> None:
    x = operand(data, name)
    out = data.draw(output_types(x.code, x.data.shape))
    (actual,) = run_operation(getattr(ops, name), [out], input=x)
    with np.errstate(all="ignore"):
        assert_within_ulps(actual, ROUNDED[name](x.real), 2)


def test_exp_over_its_whole_range() -> None:
    x = np.linspace(-110, 92, 100_001).astype(np.float32)
    out = OperandType(OperandCode.TENSOR_FLOAT32, x.shape)
    (actual,) = run_operation(ops.EXP, [out], input=tensor(x))
    with np.errstate(over="ignore"):
        assert_within_ulps(actual, np.exp(x.astype(np.float64)), 2)


@given(data=st.data())
def test_quantised_rsqrt(data: st.DataObject) -> None:
    """What has no real result, at 0 and below, is stored as the largest value."""
    code = data.draw(st.sampled_from([c for c in codes(ops.RSQRT) if c.is_quantised]))
    every = np.arange(256, dtype=np.uint8).view(code.element)
    x = Tensor(every, code, data.draw(quants(code)))
    quant = data.draw(quants(code))
    assert quant is not None
    (actual,) = run_operation(ops.RSQRT, [OperandType(code, (256,), quant)], input=x)
    with np.errstate(all="ignore"):
        expected = steps(rsqrt(x.real), quant, every.dtype)
    expected[x.real <= 0] = np.iinfo(every.dtype).max
    assert np.abs(actual.astype(np.float64) - expected).max() <= 1
