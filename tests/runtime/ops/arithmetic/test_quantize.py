"""QUANTIZE DEQUANTIZE CAST against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import ChannelQuant, OperandCode, OperandType, Quant
from tests.runtime.ops.closeness import assert_within_ulps
from tests.runtime.ops.hard_values import hard_tensors, output_types, shapes
from tests.runtime.ops.operand_strategies import codes, quants, tensors
from tests.runtime.ops.single_op import Tensor, run_operation, tensor

PER_CHANNEL = OperandCode.TENSOR_QUANT8_SYMM_PER_CHANNEL


def pairs(name: str) -> list[tuple[OperandCode, OperandCode]]:
    return [(rule.types["T"], rule.types["U"]) for rule in getattr(ops, name).rules]


def least_size(code: OperandCode) -> int:
    """Only results can be empty, and no operation has an empty result of every type."""
    return 0 if code in codes(ops.SLICE) else 1


def round_half_away(x: np.ndarray) -> np.ndarray:
    return np.copysign(np.floor(np.abs(x) + np.float64(0.5)), x)


@given(data=st.data())
def test_quantize_is_its_formula(data: st.DataObject) -> None:
    source, target = data.draw(st.sampled_from(pairs("QUANTIZE")))
    x = data.draw(hard_tensors(source, data.draw(shapes((1, 5)))))
    quant = data.draw(quants(target))
    assert quant is not None
    out = data.draw(output_types(target, x.data.shape, quant))
    (actual,) = run_operation(ops.QUANTIZE, [out], input=x)
    info = np.iinfo(target.element)
    with np.errstate(over="ignore"):
        ratio = x.data.astype(np.float32) / np.float32(quant.scale)
    expected = np.clip(
        round_half_away(ratio.astype(np.float64)) + quant.zero_point, info.min, info.max
    )
    expected[np.isnan(ratio)] = info.max
    np.testing.assert_array_equal(actual, expected.astype(target.element))


@given(data=st.data())
def test_dequantize_is_its_formula(data: st.DataObject) -> None:
    source, target = data.draw(
        st.sampled_from([p for p in pairs("DEQUANTIZE") if p[0] is not PER_CHANNEL])
    )
    x = data.draw(tensors([source], sizes=st.integers(least_size(source), 5)))
    (actual,) = run_operation(
        ops.DEQUANTIZE, [data.draw(output_types(target, x.data.shape))], input=x
    )
    scale = np.float32(x.quant.scale)  # type: ignore[union-attr]
    assert_within_ulps(actual, np.divide(x.real, x.quant.scale) * float(scale), 1)  # type: ignore[union-attr]


@given(data=st.data(), shape=st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_dequantize_per_channel(data: st.DataObject, shape: list[int]) -> None:
    source, target = data.draw(
        st.sampled_from([p for p in pairs("DEQUANTIZE") if p[0] is PER_CHANNEL])
    )
    dim = data.draw(st.integers(0, len(shape) - 1))
    scales = data.draw(
        st.lists(st.sampled_from([0.25, 1.0, 3.0]), min_size=shape[dim], max_size=shape[dim])
    )
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    stored = random.integers(-128, 128, shape).astype(np.int8)
    x = Tensor(stored, source, ChannelQuant(dim, tuple(scales)), constant=data.draw(st.booleans()))
    (actual,) = run_operation(ops.DEQUANTIZE, [data.draw(output_types(target, shape))], input=x)
    np.testing.assert_array_equal(actual, x.real)


def cast(x: np.ndarray, target: np.dtype[np.generic]) -> np.ndarray:
    """Towards zero; to the nearest value where the type has none; NaN to 0."""
    if target.kind == "f":
        with np.errstate(over="ignore"):
            return x.astype(np.float32).astype(target)
    info = np.iinfo(target)
    wide = np.nan_to_num(x.astype(np.float64), nan=0.0, posinf=np.inf, neginf=-np.inf)
    return np.trunc(np.clip(wide, info.min, info.max)).astype(target)


@given(data=st.data())
def test_cast_is_numpys_within_range(data: st.DataObject) -> None:
    source, target = data.draw(st.sampled_from(pairs("CAST")))
    x = data.draw(hard_tensors(source, data.draw(shapes((1, 5), least_size(source)))))
    out = data.draw(output_types(target, x.data.shape, data.draw(quants(target))))
    (actual,) = run_operation(ops.CAST, [out], input=x)
    if source is target:
        np.testing.assert_array_equal(actual, x.data)
    else:
        np.testing.assert_array_equal(actual, cast(x.data, target.element))


def test_float16_rounds_to_even_and_keeps_subnormals() -> None:
    """All numbers of float16, the points half way between them, and their neighbours."""
    halves = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32)
    between = (halves[:-1] + halves[1:]) / 2
    x = np.concatenate([halves, between, np.nextafter(between, 0), np.nextafter(between, np.inf)])
    x = np.concatenate([x, -x, [65519.99, 65520, 1e6, np.inf]]).astype(np.float32)
    half = OperandType(OperandCode.TENSOR_FLOAT16, x.shape)
    (actual,) = run_operation(ops.CAST, [half], input=tensor(x))
    with np.errstate(over="ignore"):
        expected = x.astype(np.float16)
    np.testing.assert_array_equal(actual.view(np.uint16), expected.view(np.uint16))
    single = OperandType(OperandCode.TENSOR_FLOAT32, x.shape)
    (back,) = run_operation(ops.CAST, [single], input=tensor(expected))
    np.testing.assert_array_equal(back, expected.astype(np.float32))


@pytest.mark.parametrize(
    ("value", "stored"), [(0.5, 1), (-0.5, -1), (0.49999997, 0), (2.5, 3), (-1e30, -128)]
)
def test_quantize_rounds_half_away_from_zero(value: float, stored: int) -> None:
    out = OperandType(OperandCode.TENSOR_QUANT8_ASYMM_SIGNED, (1,), Quant(1.0))
    (actual,) = run_operation(ops.QUANTIZE, [out], input=tensor(np.array([value], np.float32)))
    assert actual[0] == stored
