"""RANDOM_MULTINOMIAL."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType
from nnapi_runtime.errors import NnapiError
from tests.runtime.ops.operand_strategies import codes, parameters, scalars, tensors
from tests.runtime.ops.single_op import Tensor, run_operation, tensor

NONZERO = st.integers(1, 2**31 - 1)


def draw_classes(logits: Tensor, samples: object, seeds: object) -> np.ndarray:
    unknown = OperandType(OperandCode.TENSOR_INT32, (0, 0))
    return run_operation(
        ops.RANDOM_MULTINOMIAL, [unknown], logits=logits, samples=samples, seeds=seeds
    )[0]


@given(st.data())
def test_random_multinomial(data: st.DataObject) -> None:
    logits = data.draw(
        tensors(codes(ops.RANDOM_MULTINOMIAL), ranks=(2, 2), sizes=st.integers(1, 6))
    )
    samples = data.draw(st.integers(0, 50), label="samples")
    seeds = [data.draw(NONZERO), data.draw(NONZERO)]
    first, second = (
        draw_classes(logits, data.draw(scalars(samples)), data.draw(parameters(seeds)))
        for _ in range(2)
    )
    assert first.shape == (logits.data.shape[0], samples)
    assert np.all((first >= 0) & (first < logits.data.shape[1]))
    np.testing.assert_array_equal(first, second)


@given(st.sampled_from([np.float32, np.float16]), NONZERO, NONZERO)
def test_frequencies_are_the_probabilities(dtype: type, seed: int, other: int) -> None:
    samples = 20000
    logits = np.log(np.array([[1, 2, 3, 4], [10, 0.001, 10, 0.001]])).astype(dtype)
    drawn = draw_classes(tensor(logits), samples, [seed, other])
    weights = np.exp(logits.astype(np.float64))
    probabilities = weights / weights.sum(-1, keepdims=True)
    for row, expected in zip(drawn, probabilities, strict=True):
        counts = np.bincount(row, minlength=4)
        # Six standard deviations: one in a hundred million of fair draws is outside.
        margin = 6 * np.sqrt(samples * expected * (1 - expected)) + 1
        assert np.all(np.abs(counts - samples * expected) <= margin)


def test_logits_that_are_not_finite_are_never_drawn() -> None:
    logits = np.array([[-np.inf, 0, np.nan, 1]], np.float32)
    drawn = draw_classes(tensor(logits), 1000, [1, 2])
    assert set(np.unique(drawn)) == {1, 3}


def test_seeds_of_zero_give_other_numbers_every_time() -> None:
    logits = tensor(np.zeros((1, 1000), np.float32))
    assert not np.array_equal(draw_classes(logits, 100, [0, 0]), draw_classes(logits, 100, [0, 0]))


def test_a_row_without_any_probability_is_refused() -> None:
    with pytest.raises(NnapiError):
        draw_classes(tensor(np.full((1, 3), -np.inf, np.float32)), 1, [1, 1])


def test_a_negative_number_of_samples_is_refused() -> None:
    with pytest.raises(NnapiError):
        draw_classes(tensor(np.zeros((1, 3), np.float32)), -1, [1, 1])
