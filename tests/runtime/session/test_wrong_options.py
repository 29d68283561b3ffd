"""Options and paths of any type and value: `load` takes them, or an `ArgumentError` says which one is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnapi_runtime
from nnapi_core.artifact.artifact_graph import pictures
from nnapi_core.artifact.inspect_text import describe
from nnapi_core.errors import ArtifactError
from nnapi_runtime import ArgumentError, ModelError, NnapiError

FILE = Path(__file__).parents[2] / "data/nnapi/mlp.nnapi"


@pytest.mark.parametrize("value", ["x", "1", [], {}, object(), b"1", 0, -1, float("nan")])
@pytest.mark.parametrize(
    "option", ["timeout", "loop_timeout", "check_timeout", "num_threads", "memory_limit"]
)
def test_numbers(option: str, value: Any) -> None:
    with pytest.raises(ArgumentError, match=f"{option} is"):
        nnapi_runtime.load(FILE, **{option: value})


@pytest.mark.parametrize("option", ["num_threads", "memory_limit"])
def test_whole_numbers(option: str) -> None:
    for value in (1.5, 2**63):
        with pytest.raises(ArgumentError, match=f"{option} is"):
            nnapi_runtime.load(FILE, **{option: value})


@pytest.mark.parametrize("value", [5, b"x", [], "a\0b", "\ud800"])
@pytest.mark.parametrize("option", ["library", "cache_dir"])
def test_paths(option: str, value: Any) -> None:
    with pytest.raises(ArgumentError, match=option):
        nnapi_runtime.load(FILE, **{option: value})


@pytest.mark.parametrize("value", [5, [5], [None], ["a\0b"], object()])
def test_devices(value: Any) -> None:
    with pytest.raises(ArgumentError, match="device"):
        nnapi_runtime.load(FILE, devices=value)


@pytest.mark.parametrize("path", [5, None, b"x.nnapi", "a\0b.nnapi", "\ud800.nnapi", "\udcff"])
def test_no_path_of_a_file(path: Any) -> None:
    with pytest.raises(ArgumentError, match="path"):
        nnapi_runtime.load(path)


@pytest.mark.parametrize("reader", [describe, pictures, nnapi_runtime.load])
@pytest.mark.parametrize("path", ["a" * 300 + ".nnapi", "a\0b.nnapi", "\udcff.nnapi", ".", ""])
def test_a_path_to_no_file(reader: Any, path: str) -> None:
    with pytest.raises((ArtifactError, NnapiError)):
        reader(path)


DTYPES: list[Any] = [
    object,
    "datetime64[s]",
    "timedelta64[D]",
    "V3",
    "S4",
    "U2",
    ">f4",
    [("a", "f4")],
    "c16",
    "g",
]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_arrays_of_dtypes_that_torch_has_not(dtype: Any) -> None:
    session = nnapi_runtime.load(FILE)
    with pytest.raises(ArgumentError, match="input_1"):
        session(np.zeros((2, 16), dtype))
    with pytest.raises(ArgumentError):
        session.profile(np.zeros((2, 16), dtype))


def test_states_of_dtypes_that_torch_has_not() -> None:
    session = nnapi_runtime.load(FILE.parents[1] / "fuzz/state.nnapi")
    for dtype in DTYPES:
        with pytest.raises(ArgumentError, match="mean"):
            session.state["mean"] = np.zeros((2, 3), dtype)


@pytest.mark.parametrize("name", [5, None, "nope", "a\0", "\ud800"])
def test_no_method(name: Any) -> None:
    with pytest.raises(ArgumentError, match="has no method"):
        nnapi_runtime.load(FILE).method(name)


def test_an_error_in_torch_whose_text_has_no_encoding() -> None:
    """Half of a surrogate pair, which is no UTF-8."""

    def fails(*_: Any) -> Any:
        raise ModelError("\ud800 is wrong")

    value = {"name": "x", "dtype": "float32", "shape": [2]}
    piece = {
        "kind": "torch",
        "program": "torch.0",
        "inputs": ["x"],
        "outputs": ["y"],
        "weights": [],
    }
    manifest = {
        "feature_level": 27,
        "relaxed": False,
        "inputs": [value],
        "outputs": [{**value, "name": "y"}],
        "output_tree": ["leaf"],
        "constants": {},
        "stages": [piece],
        "cpu": {**piece, "program": "torch.0"},
    }
    session = nnapi_runtime.Session(manifest, {}, [], {"torch.0": fails})
    with pytest.raises(NnapiError, match="is wrong"):
        session(np.zeros(2, np.float32))
