"""Bound sessions: the same results as the session's, from arrays that stay in one place."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from nnapi_runtime import ArgumentError, Session
from nnapi_runtime._loader import BoundRun, Executor
from tests.runtime.small_models import (
    border,
    conv,
    dense,
    dense_manifest,
    dense_result,
    pack,
    spec,
)


def dense_session(batch: int | None = 4, **changes: Any) -> Session:
    packed = pack(dense(batch))
    return Session(
        {**dense_manifest(batch), **changes}, {"model.0": packed.words}, packed.weights, {}
    )


def random(*shape: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_it_computes_on_what_is_in_the_inputs_now() -> None:
    bound = dense_session().bound()
    for seed in range(3):
        x = random(4, 64, seed=seed)
        bound.inputs[0][...] = x
        bound()
        np.testing.assert_allclose(bound.outputs[0], dense_result(x), rtol=1e-4, atol=1e-4)


def test_images_have_torchs_shape_and_nnapis_memory() -> None:
    packed = pack(conv())
    stage = {
        "kind": "nnapi",
        "model": "model.0",
        "inputs": [border("x", [1, 2, 8, 8], order=[0, 2, 3, 1])],
        "outputs": [border("y", [1, 5, 6, 6], order=[0, 2, 3, 1])],
        "operations": [],
    }
    manifest = {
        **dense_manifest(),
        "inputs": [spec("x", [1, 2, 8, 8])],
        "outputs": [spec("y", [1, 5, 6, 6])],
        "stages": [stage],
    }
    session = Session(manifest, {"model.0": packed.words}, packed.weights, {})
    bound = session.bound()
    assert bound.inputs[0].shape == (1, 2, 8, 8)
    assert bound.inputs[0].transpose(0, 2, 3, 1).flags.c_contiguous
    x = random(1, 2, 8, 8)
    bound.inputs[0][...] = x
    bound()
    np.testing.assert_array_equal(bound.outputs[0], session(x))


def test_bound_sessions_do_not_share_their_arrays() -> None:
    session = dense_session()
    results: dict[int, np.ndarray[Any, Any]] = {}

    def work(seed: int) -> None:
        bound = session.bound()
        bound.inputs[0][...] = random(4, 64, seed=seed)
        for _ in range(50):
            bound()
        results[seed] = bound.outputs[0]

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    for seed, result in results.items():
        np.testing.assert_allclose(
            result, dense_result(random(4, 64, seed=seed)), rtol=1e-4, atol=1e-4
        )


def test_arrays_and_executor_outlive_the_session() -> None:
    bound = dense_session().bound()
    outputs = bound.outputs
    bound()
    before = outputs[0].copy()
    bound()
    np.testing.assert_array_equal(outputs[0], before)


def test_a_free_dimension_cannot_be_bound() -> None:
    with pytest.raises(ArgumentError, match="'x' has a free dimension"):
        dense_session(None).bound()


def test_several_results_of_one_value_cannot_be_bound() -> None:
    changes = {
        "outputs": [spec("y", [4, 32]), spec("y", [4, 32])],
        "output_tree": ["tuple", [["leaf"], ["leaf"]]],
    }
    with pytest.raises(ArgumentError, match="not one NNAPI piece"):
        dense_session(**changes).bound()


def executor() -> Executor:
    packed = pack(dense(4))
    return Executor(packed.words, packed.weights)


@pytest.mark.parametrize(
    "inputs, outputs, message",
    [
        ([], [np.zeros((4, 32), np.float32)], "has 1 inputs, not 0"),
        ([np.zeros((4, 64), np.float32)], [], "has 1 outputs, not 0"),
        ([np.zeros((4, 63), np.float32)], [np.zeros((4, 32), np.float32)], "input 0 is float32"),
        ([np.zeros((4, 64), np.float32)], [np.zeros((4, 32))], "output 0 must be an array"),
        ([np.zeros((4, 64), np.int8)], [np.zeros((4, 32), np.float32)], "not int8"),
    ],
)
def test_arrays_that_do_not_fit(inputs: list[Any], outputs: list[Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        BoundRun(executor(), inputs, outputs)
