"""``load(cache_dir=…)``: the second time, packed weights are mapped, and results are the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nnapi_runtime
from nnapi_runtime import ArgumentError, Executor, Session
from tests.runtime.small_models import dense, dense_file, dense_manifest, pack

X = np.random.default_rng(0).standard_normal((4, 64)).astype(np.float32)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "dense.nnapi"
    path.write_bytes(dense_file())
    return path


def is_mapped(folder: Path) -> bool:
    return str(folder) in Path("/proc/self/maps").read_text()


def test_the_second_time_it_is_mapped(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "cache"
    first = nnapi_runtime.load(file, cache_dir=folder)
    assert not is_mapped(folder)
    (kept,) = folder.iterdir()
    second = nnapi_runtime.load(file, cache_dir=folder)
    assert is_mapped(folder)
    np.testing.assert_array_equal(first(X), second(X))
    assert list(folder.iterdir()) == [kept]


def test_each_file_has_an_entry_of_its_own(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.nnapi"
    other.write_bytes(dense_file(batch=8))
    for path in (file, other):
        nnapi_runtime.load(path, cache_dir=tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_a_folder_that_cannot_be_made(file: Path) -> None:
    with pytest.raises(ArgumentError, match="cannot be made"):
        nnapi_runtime.load(file, cache_dir=file / "below")


def test_a_model_in_memory_has_no_identity(tmp_path: Path) -> None:
    packed = pack(dense(4))
    with pytest.raises(ArgumentError, match=r"needs a model from a \.nnapi file"):
        Session(dense_manifest(), {"model.0": packed.words}, packed.weights, {}, cache_dir=tmp_path)


def test_a_token_has_32_bytes(tmp_path: Path) -> None:
    packed = pack(dense(4))
    with pytest.raises(ArgumentError, match="32 bytes, not 3"):
        Executor(packed.words, packed.weights, cache=(tmp_path, b"abc"))
