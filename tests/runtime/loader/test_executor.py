"""The executor: arrays in and out, whatever the model's shapes, and errors that say what and where."""

from __future__ import annotations

import ctypes
import mmap
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnapi_runtime
from nnapi_core.nnapi.model import Model
from nnapi_runtime import ArgumentError, Executor, LibraryError, ModelError, NnapiError
from tests.runtime import small_models
from tests.runtime.small_models import DENSE_WEIGHT, dense_result, pack


def executor(model: Model, **options: object) -> Executor:
    packed = pack(model)
    return Executor(packed.words, packed.weights, **options)


def arrays(batch: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((batch, 64), dtype=np.float32)


def test_fixed_shape() -> None:
    x = arrays(4)
    (y,) = executor(small_models.dense()).run([x])
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, dense_result(x), rtol=1e-5, atol=1e-5)


def test_written_into_given_outputs() -> None:
    x, out = arrays(4), np.full((4, 32), np.nan, np.float32)
    (y,) = executor(small_models.dense()).run([x], [out])
    assert y is out
    np.testing.assert_allclose(out, dense_result(x), rtol=1e-5, atol=1e-5)


@given(batches=st.lists(st.integers(1, 200), min_size=1, max_size=4))
def test_free_dimension_given_at_run_time(batches: list[int]) -> None:
    """Outputs of unknown size are first guessed, then as large as they must be."""
    one = executor(small_models.dense(None))
    for batch in batches:
        x = arrays(batch, seed=batch)
        (y,) = one.run([x])
        np.testing.assert_allclose(y, dense_result(x), rtol=1e-5, atol=1e-5)


def test_submodels() -> None:
    one = executor(small_models.choice())
    x = np.array([1, 2, 3], np.float32)
    assert one.run([np.array([True]), x])[0].tolist() == [2, 4, 6]
    assert one.run([np.array([False]), x])[0].tolist() == [1, 4, 9]


def test_scales_per_channel() -> None:
    x = np.random.default_rng(1).integers(0, 256, (1, 2, 2, 4), dtype=np.uint8)
    (y,) = executor(small_models.quantised_conv()).run([x])
    weight = np.arange(-8, 8).reshape(4, 4) * np.array([0.5, 0.25, 0.125, 1.0])[:, None]
    real = (x.astype(np.float64) - 10) * 0.5 @ weight.T
    exact = np.clip(real / 2.0 + 100, 0, 255)
    assert y.dtype == np.uint8
    assert np.abs(y - exact).max() <= 0.5 + 1e-4


def test_borders_are_described() -> None:
    one = executor(small_models.dense(None))
    (x,), (y,) = one.inputs, one.outputs
    assert (x.type, x.dtype, x.shape) == (3, "float32", (None, 64))
    assert y.shape == (None, 32)
    assert one.operations == [9, 19]
    (q,) = executor(small_models.quantised_conv()).outputs
    assert (q.dtype, q.scale, q.zero_point) == ("uint8", 2.0, 100)


def test_weights_in_a_read_only_map(tmp_path: Path) -> None:
    packed = pack(small_models.dense())
    assert [weight.shape for weight in packed.weights] == [(32, 64)]
    path = tmp_path / "weights"
    path.write_bytes(packed.weights[0].tobytes())
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        one = Executor(packed.words, [memoryview(mapped)])
    np.testing.assert_allclose(one.run([arrays(4)])[0], dense_result(arrays(4)), 1e-4, 1e-5)


def test_words_at_any_address() -> None:
    packed = pack(small_models.dense())
    shifted = memoryview(b"x" + packed.words)[1:]
    one = Executor(shifted, packed.weights)
    np.testing.assert_allclose(one.run([arrays(4)])[0], dense_result(arrays(4)), 1e-4, 1e-5)


def test_many_threads_share_an_executor() -> None:
    one = executor(small_models.dense(None))

    def check(seed: int) -> None:
        x = arrays(1 + seed % 7, seed)
        np.testing.assert_allclose(one.run([x])[0], dense_result(x), rtol=1e-5, atol=1e-5)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(check, range(200)))


@pytest.mark.parametrize("options", [{"num_threads": 1}, {"relaxed": True}, {"preference": 0}])
def test_options(options: dict[str, object]) -> None:
    x = arrays(4)
    (y,) = executor(small_models.dense(), **options).run([x])
    np.testing.assert_allclose(y, dense_result(x), rtol=1e-2, atol=1e-2)


def test_profile() -> None:
    nanoseconds = executor(small_models.dense()).profile([arrays(4)])
    assert len(nanoseconds) == 2
    assert all(0 < taken < 10**9 for taken in nanoseconds)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], "has 1 inputs, not 0"),
        ([np.zeros((4, 64))], r"input 0 is float32 \(4, 64\), not float64 \(4, 64\)"),
        ([np.zeros((4, 63), np.float32)], r"input 0 is float32 \(4, 64\), not float32 \(4, 63\)"),
        ([np.zeros((64, 4), np.float32).T], "input 0 must be a C-contiguous array"),
        ([np.zeros((4, 64), ">f4")], "input 0 is float32"),
        (["text"], "input 0 must be a C-contiguous array or bytes-like object"),
    ],
)
def test_inputs_that_do_not_fit(inputs: list[object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        executor(small_models.dense()).run(inputs)


def test_empty_input() -> None:
    with pytest.raises(ArgumentError, match="has no elements"):
        executor(small_models.dense(None)).run([np.zeros((0, 64), np.float32)])


@pytest.mark.parametrize(
    "out",
    [
        np.zeros((4, 31), np.float32),
        np.zeros((4, 32)),
        np.zeros((4, 64), np.float32)[:, ::2],
        np.frombuffer(bytes(4 * 4 * 32), np.float32).reshape(4, 32),
    ],
    ids=["shape", "dtype", "gaps", "read-only"],
)
def test_outputs_that_do_not_fit(out: np.ndarray) -> None:
    with pytest.raises(ArgumentError, match="output 0 must be"):
        executor(small_models.dense()).run([arrays(4)], [out])


def test_refused_model_names_the_operation() -> None:
    with pytest.raises(NnapiError, match="BAD_DATA") as caught:
        executor(small_models.invalid())
    assert (caught.value.code, caught.value.operation) == ("BAD_DATA", 1)
    assert caught.value.call is not None
    assert "SOFTMAX" in str(caught.value)


def test_weights_that_are_missing_or_too_short() -> None:
    packed = pack(small_models.dense())
    with pytest.raises(ModelError, match="is in weight 0; there are 0"):
        Executor(packed.words, [])
    with pytest.raises(ModelError, match="of weight 0, which has 8188"):
        Executor(packed.words, [packed.weights[0].reshape(-1)[1:]])
    shifted = np.frombuffer(b"x" + DENSE_WEIGHT.tobytes(), np.uint8)[1:]
    with pytest.raises(ModelError, match="does not start at a multiple of its 4-byte elements"):
        Executor(packed.words, [shifted])


def test_library_that_cannot_be_loaded() -> None:
    with pytest.raises(LibraryError, match=r"/nowhere/libneuralnetworks.so.*NNAPI_LIBRARY"):
        executor(small_models.dense(), library="/nowhere/libneuralnetworks.so")


def test_library_that_is_none() -> None:
    with pytest.raises(LibraryError, match=r"libm.so.6 .*lacks ANeuralNetworksModel_create"):
        executor(small_models.dense(), library="libm.so.6")


def test_library_from_the_environment() -> None:
    code = "import nnapi_runtime._loader as l; print(l.default_library())"
    environment = {**os.environ, "NNAPI_LIBRARY": "/phone/libneuralnetworks.so"}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "/phone/libneuralnetworks.so"


def older_library(path: Path, *missing: str) -> Path:
    """A copy of the host library in which some functions cannot be found."""
    data = nnapi_runtime.host_library().read_bytes()
    for name in missing:
        there = b"\0" + name.encode() + b"\0"
        assert there in data
        data = data.replace(there, there.swapcase())
    path.write_bytes(data)
    with pytest.raises(AttributeError):
        getattr(ctypes.CDLL(str(path)), missing[0])
    return path


def test_library_of_feature_level_28(tmp_path: Path) -> None:
    """Without compute, computations are started and waited for; what needs newer functions says so."""
    library = older_library(
        tmp_path / "libold.so",
        "ANeuralNetworksExecution_compute",
        "ANeuralNetworksExecution_getOutputOperandRank",
        "ANeuralNetworksModel_setOperandValueFromModel",
        "nnapi_host_execution_get_profile",
    )
    x = arrays(4)
    one = executor(small_models.dense(), library=library)
    for _ in range(2):
        np.testing.assert_allclose(one.run([x])[0], dense_result(x), rtol=1e-5, atol=1e-5)
    with pytest.raises(LibraryError, match="lacks ANeuralNetworksExecution_getOutputOperandRank"):
        executor(small_models.dense(None), library=library).run([x])
    with pytest.raises(LibraryError, match=r"FromModel \(since feature level 30\)"):
        executor(small_models.choice(), library=library)
    with pytest.raises(LibraryError, match="does not measure single operations"):
        one.profile([x])
