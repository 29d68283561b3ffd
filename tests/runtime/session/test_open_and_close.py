"""A session as a value of Python's: shown, closed, pickled by the path of its file, given others' tensors."""

from __future__ import annotations

import copy
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import nn

import nnapi_core
import nnapi_runtime
from nnapi_core.testing import tensors


class Counts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.count += 1
        return x + self.count

    def twice(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "m.nnapi"
    nnapi_core.convert(Counts(), (torch.zeros(3),)).save(path)
    return path


@pytest.fixture(scope="module")
def methods(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "methods.nnapi"
    module = Counts()
    args = (torch.zeros(3),)
    nnapi_core.convert_methods({"forward": (module, args), "twice": (module.twice, args)}).save(
        path
    )
    return path


def test_is_shown(file: Path, methods: Path) -> None:
    session = nnapi_runtime.load(file)
    shown = repr(session)
    assert "x: float32 (3)" in shown and "feature level 2" in shown and "m.nnapi" in shown
    whole = nnapi_runtime.load(methods)
    assert repr(whole).endswith("methods.nnapi: methods forward, twice>")
    assert "x: float32 (3)" in repr(whole.twice)


def test_closes(file: Path) -> None:
    with nnapi_runtime.load(file) as session:
        first = session(torch.zeros(3))
        other = session.fork()
    assert "closed" in repr(session)
    uses: list[Any] = [
        lambda: session(torch.zeros(3)),
        lambda: session.inputs,
        lambda: session.fork(),
        lambda: session.reset(),
        lambda: session.feature_level,
        lambda: session.run_tensors([torch.zeros(3)]),
        lambda: session.profile(torch.zeros(3)),
        lambda: session.bound(),
    ]
    for use in uses:
        with pytest.raises(nnapi_runtime.ArgumentError, match=r"m\.nnapi is closed; load the file"):
            use()
    session.close()
    assert torch.equal(other(torch.zeros(3)), first + 1)


def test_closes_where_the_block_fails(file: Path) -> None:
    with pytest.raises(ZeroDivisionError), nnapi_runtime.load(file) as session:
        raise ZeroDivisionError
    assert "closed" in repr(session)


def test_is_pickled_by_path(
    file: Path, methods: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(file.parent)
    session = nnapi_runtime.load(file.name, num_threads=1, fallback="none")
    session(torch.zeros(3))
    # Of a path that says little elsewhere; and the state begins anew.
    text = pickle.dumps(session)
    monkeypatch.chdir(tmp_path)
    assert len(text) < 1000
    again = pickle.loads(text)
    assert torch.equal(again(torch.zeros(3)), torch.ones(3))
    assert again._origin == session._origin
    twice = pickle.loads(pickle.dumps(nnapi_runtime.load(methods).twice))
    assert torch.equal(twice(torch.ones(3)), torch.full((3,), 2.0))
    copied = copy.copy(session)
    assert torch.equal(copied(torch.zeros(3)), torch.full((3,), 2.0))


def test_what_is_of_no_file_is_not_pickled() -> None:
    session = nnapi_core.convert(nn.ReLU(), (torch.ones(2),)).session()
    with pytest.raises(TypeError, match=r"is of no file\. Save the conversion"):
        pickle.dumps(session)


def test_a_file_that_is_gone_is_said(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "gone.nnapi"
    path.write_bytes(file.read_bytes())
    text = pickle.dumps(nnapi_runtime.load(path))
    os.unlink(path)
    with pytest.raises(nnapi_runtime.ModelError, match=r"gone\.nnapi"):
        pickle.loads(text)


class Foreign:
    """Another library's tensor, which has nothing but DLPack."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self._tensor = tensor

    def __dlpack__(self, **options: Any) -> Any:
        return self._tensor.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


@settings(max_examples=15)
@given(tensors(shape=(2, 3)))
def test_tensors_of_other_libraries(x: torch.Tensor) -> None:
    converted = _converted()
    for run in (converted, converted.session()):
        result = run(Foreign(x))
        assert isinstance(result, np.ndarray)
        assert np.array_equal(np.from_dlpack(result), run(x.numpy()))
        assert torch.equal(torch.from_dlpack(result), run(x))


_MADE: list[nnapi_core.Converted] = []


def _converted() -> nnapi_core.Converted:
    if not _MADE:
        _MADE.append(nnapi_core.convert(nn.Linear(3, 2), (torch.ones(2, 3),)))
    return _MADE[0]


def test_tensors_that_numpy_cannot_take() -> None:
    wrong = Foreign(torch.ones(2, 3, dtype=torch.bfloat16))
    with pytest.raises(nnapi_runtime.ArgumentError, match="a Foreign cannot be read"):
        _converted().session()(wrong)
    with pytest.raises(nnapi_core.ConversionError, match="a Foreign cannot be read"):
        _converted()(wrong)
