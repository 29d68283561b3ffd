"""MEAN REDUCE_SUM REDUCE_PROD REDUCE_MAX REDUCE_MIN REDUCE_ALL REDUCE_ANY against numpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType, Quant
from nnapi_runtime import NnapiError
from tests.runtime.ops.closeness import assert_within_a_step
from tests.runtime.ops.hard_values import hard_tensors, output_types, shapes
from tests.runtime.ops.operand_strategies import codes, parameters, tensors
from tests.runtime.ops.single_op import Tensor, run_operation, tensor

SUMS: dict[str, Callable[..., np.ndarray]] = {
    "MEAN": np.mean,
    "REDUCE_SUM": np.sum,
    "REDUCE_PROD": np.prod,
}
CHOICES: dict[str, Callable[..., np.ndarray]] = {
    "REDUCE_MAX": np.max,
    "REDUCE_MIN": np.min,
    "REDUCE_ALL": np.all,
    "REDUCE_ANY": np.any,
}
NO_EMPTY = ("MEAN", "REDUCE_MAX", "REDUCE_MIN")


def keep_dims(name: str, keep: bool) -> Any:
    return int(keep) if name == "MEAN" else keep


def axes_of(data: st.DataObject, rank: int) -> list[int]:
    """Any axes: negative ones, the same one twice, none."""
    return data.draw(st.lists(st.integers(-rank, rank - 1), max_size=rank + 1))


def reduced(function: Callable[..., np.ndarray], x: np.ndarray, axes: list[int], keep: bool) -> Any:
    unique = tuple(sorted({axis % x.ndim for axis in axes}))
    result = function(x, axis=unique, keepdims=keep)
    return np.reshape(result, 1) if np.ndim(result) == 0 else result


def run(data: st.DataObject, name: str, x: Tensor, axes: list[int], keep: bool) -> np.ndarray:
    with np.errstate(all="ignore"):
        shape = reduced(np.sum, np.zeros(x.data.shape), axes, keep).shape
    out = data.draw(output_types(x.code, shape, x.quant))  # type: ignore[arg-type]
    (actual,) = run_operation(
        getattr(ops, name),
        [out],
        input=x,
        axes=data.draw(parameters(axes)),
        keep_dims=keep_dims(name, keep),
    )
    assert actual.shape == shape
    return actual


@pytest.mark.parametrize("name", SUMS)
@given(data=st.data(), keep=st.booleans())
def test_sums_are_numpys(name: str, data: st.DataObject, keep: bool) -> None:
    sizes = st.integers(1 if name in NO_EMPTY else 0, 9)
    x = data.draw(tensors(codes(getattr(ops, name)), sizes=sizes))
    axes = axes_of(data, x.data.ndim)
    actual = run(data, name, x, axes, keep)
    if isinstance(x.quant, Quant):
        assert_within_a_step(actual, reduced(np.mean, x.real, axes, keep), x.quant)
        return
    expected = reduced(SUMS[name], x.real, axes, keep)
    size = expected if name == "REDUCE_PROD" else reduced(SUMS[name], np.abs(x.real), axes, keep)
    info = np.finfo(x.data.dtype)
    allowed = np.abs(size) * float(info.eps) + float(info.smallest_subnormal)
    assert np.all(np.abs(actual - expected) <= allowed)


@pytest.mark.parametrize("name", CHOICES)
@given(data=st.data(), keep=st.booleans())
def test_choices_are_numpys(name: str, data: st.DataObject, keep: bool) -> None:
    code = data.draw(st.sampled_from(codes(getattr(ops, name))))
    shape = data.draw(shapes((1, 4), least=1 if name in NO_EMPTY else 0))
    x = data.draw(hard_tensors(code, shape))
    axes = axes_of(data, x.data.ndim)
    actual = run(data, name, x, axes, keep)
    np.testing.assert_array_equal(actual, reduced(CHOICES[name], x.data, axes, keep))


def test_long_reductions_do_not_lose_digits() -> None:
    random = np.random.default_rng(0)
    x = random.random((50, 7, 1003), np.float32)
    for axes in ([0, 1, 2], [0, 2], [1], [0, 1]):
        expected = x.astype(np.float64).mean(tuple(axes))
        out = OperandType(OperandCode.TENSOR_FLOAT32, expected.shape or (1,))
        (actual,) = run_operation(ops.MEAN, [out], input=tensor(x), axes=axes, keep_dims=0)
        np.testing.assert_allclose(actual.reshape(expected.shape), expected, rtol=2**-23)


@pytest.mark.parametrize("name", [*SUMS, *CHOICES])
def test_bad_axes_are_refused(name: str) -> None:
    boolean = name in ("REDUCE_ALL", "REDUCE_ANY")
    x = tensor(np.zeros((2, 3), bool if boolean else np.float32))
    for axes, saying in (([2], "axis 2"), ([-3], "axis -3"), ([[0]], "rank 2")):
        with pytest.raises(NnapiError, match=saying):
            run_operation(
                getattr(ops, name),
                [OperandType(x.code, (2,))],
                input=x,
                axes=tensor(np.array(axes, np.int32)),
                keep_dims=keep_dims(name, False),
            )


@pytest.mark.parametrize("name", NO_EMPTY)
def test_nothing_has_no_mean_and_no_extremum(name: str) -> None:
    x = tensor(np.zeros((2, 0), np.float32))
    with pytest.raises(NnapiError, match="size 0"):
        run_operation(
            getattr(ops, name),
            [OperandType(x.code, (2,))],
            input=x,
            axes=[1],
            keep_dims=keep_dims(name, False),
        )
