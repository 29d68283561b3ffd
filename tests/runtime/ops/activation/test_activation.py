"""RELU RELU1 RELU6 LOGISTIC TANH HARD_SWISH ELU against torch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType, Quant
from nnapi_runtime import NnapiError
from tests.runtime.ops.closeness import assert_within_a_step, assert_within_ulps
from tests.runtime.ops.hard_values import hard_tensors, output_types, shapes
from tests.runtime.ops.operand_strategies import codes, quants
from tests.runtime.ops.single_op import Tensor, run_operation, tensor

CLAMPS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "RELU": torch.relu,
    "RELU1": lambda x: torch.clamp(x, -1, 1),
    "RELU6": functional.relu6,
}
CURVES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "LOGISTIC": torch.sigmoid,
    "TANH": torch.tanh,
    "HARD_SWISH": functional.hardswish,
}
# Quantised results of these have one scale, and a zero point counted from the type's least value.
FIXED = {"LOGISTIC": (1 / 256, 0), "TANH": (1 / 128, 128)}


def real_codes(name: str) -> list[OperandCode]:
    return [code for code in codes(getattr(ops, name)) if not code.is_quantised]


def quantised_codes(name: str) -> list[OperandCode]:
    return [code for code in codes(getattr(ops, name)) if code.is_quantised]


def every_value(data: st.DataObject, code: OperandCode) -> Tensor:
    values = np.arange(256, dtype=np.uint8).view(code.element)
    return Tensor(values, code, data.draw(quants(code)))


def in_torch(function: Callable[[torch.Tensor], torch.Tensor], x: Tensor) -> np.ndarray:
    return function(torch.from_numpy(x.real)).numpy()


def output_quant(data: st.DataObject, name: str, code: OperandCode) -> Quant:
    if name not in FIXED:
        quant = data.draw(quants(code))
        assert quant is not None
        return quant
    scale, above_least = FIXED[name]
    return Quant(scale, int(np.iinfo(code.element).min) + above_least)


@pytest.mark.parametrize("name", CLAMPS)
@given(data=st.data())
def test_clamps_are_torchs(name: str, data: st.DataObject) -> None:
    code = data.draw(st.sampled_from(real_codes(name)))
    x = data.draw(hard_tensors(code, data.draw(shapes((1, 4)))))
    out = data.draw(output_types(code, x.data.shape))
    (actual,) = run_operation(getattr(ops, name), [out], input=x)
    np.testing.assert_array_equal(actual, in_torch(CLAMPS[name], x).astype(x.data.dtype))


@pytest.mark.parametrize("name", CLAMPS)
@given(data=st.data())
def test_quantised_clamps(name: str, data: st.DataObject) -> None:
    x = every_value(data, data.draw(st.sampled_from(quantised_codes(name))))
    assert isinstance(x.quant, Quant)
    (actual,) = run_operation(getattr(ops, name), [OperandType(x.code, (256,), x.quant)], input=x)
    assert_within_a_step(actual, in_torch(CLAMPS[name], x), x.quant)


@pytest.mark.parametrize("name", CURVES)
@given(data=st.data())
def test_curves_are_torchs(name: str, data: st.DataObject) -> None:
    code = data.draw(st.sampled_from(real_codes(name)))
    x = data.draw(hard_tensors(code, data.draw(shapes((1, 4)))))
    out = data.draw(output_types(code, x.data.shape))
    (actual,) = run_operation(getattr(ops, name), [out], input=x)
    x64 = torch.from_numpy(x.real)
    if name == "HARD_SWISH":
        # x * (x + 3) may leave the type's range before it is divided; torch's own float32 says where.
        expected = functional.hardswish(torch.from_numpy(x.data.astype(np.float32))).numpy()
        np.testing.assert_allclose(actual, expected.astype(actual.dtype), rtol=1e-3, atol=1e-6)
    else:
        assert_within_ulps(actual, CURVES[name](x64).numpy(), 3)


@pytest.mark.parametrize("name", CURVES)
@given(data=st.data())
def test_quantised_curves(name: str, data: st.DataObject) -> None:
    code = data.draw(st.sampled_from(quantised_codes(name)))
    x, quant = every_value(data, code), output_quant(data, name, code)
    (actual,) = run_operation(getattr(ops, name), [OperandType(code, (256,), quant)], input=x)
    assert_within_a_step(actual, in_torch(CURVES[name], x), quant)


def test_curves_over_their_whole_range() -> None:
    x = np.concatenate([np.linspace(-20, 20, 40_001), np.geomspace(1e-30, 1, 10_000)])
    x = x.astype(np.float32)
    out = OperandType(OperandCode.TENSOR_FLOAT32, x.shape)
    for name in ("LOGISTIC", "TANH"):
        (actual,) = run_operation(getattr(ops, name), [out], input=tensor(x))
        assert_within_ulps(actual, in_torch(CURVES[name], tensor(x)), 3)


@given(data=st.data(), alpha=st.sampled_from([0.0, 0.25, 1.0, 3.0]))
def test_elu_is_torchs(data: st.DataObject, alpha: float) -> None:
    code = data.draw(st.sampled_from(codes(ops.ELU)))
    x = data.draw(hard_tensors(code, data.draw(shapes((1, 6)))))
    out = data.draw(output_types(code, x.data.shape))
    (actual,) = run_operation(ops.ELU, [out], input=x, alpha=alpha)
    real = x.real
    with np.errstate(all="ignore"):
        expected = np.where(real <= 0, alpha * np.expm1(np.minimum(real, 0)), real)
    assert_within_ulps(actual, expected, 2)


@pytest.mark.parametrize("name", [*FIXED, *CLAMPS])
def test_other_scales_are_refused(name: str) -> None:
    code = OperandCode.TENSOR_QUANT8_ASYMM
    x = Tensor(np.zeros(2, np.uint8), code, Quant(0.5, 3))
    for quant in (Quant(1 / 64, 0), Quant(0.5, 4)):
        with pytest.raises(NnapiError, match="has scale"):
            run_operation(getattr(ops, name), [OperandType(code, (2,), quant)], input=x)
