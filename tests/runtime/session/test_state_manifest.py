"""What a manifest says of state is checked before anything runs."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import nnapi_runtime
from nnapi_core.conversion.convert import convert
from nnapi_runtime.nnapi_file import read_file


class Sums(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.ones(2, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.total += x
        return self.total * 2


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path: Path = tmp_path_factory.mktemp("state") / "m.nnapi"
    convert(Sums(), (torch.ones(2, 3),)).save(path)
    return read_file(path)


def opened(parts: Any, **changes: Any) -> nnapi_runtime.Session:
    manifest = copy.deepcopy(parts.manifest)
    manifest["state"][0].update(changes)
    return nnapi_runtime.Session(manifest, parts.models, parts.weights, parts.torch_programs)


def test_a_state_begins_as_its_weight(parts: Any) -> None:
    session = opened(parts)
    np.testing.assert_array_equal(session.state["total"], np.ones((2, 3), np.float32))
    np.testing.assert_array_equal(session(np.ones((2, 3), np.float32)), np.full((2, 3), 4))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"weight": 99}, "the state 'total' begins as weight 99, and there are"),
        ({"shape": [2, 4]}, "begins as weight 0, which has 24 bytes; a float32 of shape"),
        ({"shape": [2**31, 2**31, 2**31]}, "begins as weight 0, which has 24 bytes"),
        ({"shape": [None, 3]}, r"state\[0\]"),
        ({"dtype": "quint8"}, r"state\[0\]"),
        ({"dtype": "numbers"}, "dtype"),
        ({"weight": -1}, "weight"),
        ({"input": "x"}, "makes the value 'x', which there is already"),
        ({"output": "nothing"}, "reads 'nothing', which nothing makes"),
    ],
)
def test_what_is_wrong_is_named(parts: Any, changes: dict[str, Any], why: str) -> None:
    with pytest.raises(nnapi_runtime.ModelError, match=why):
        opened(parts, **changes)


def test_two_states_of_one_name_and_free_sizes_are_refused(parts: Any) -> None:
    manifest = copy.deepcopy(parts.manifest)
    manifest["state"] *= 2
    with pytest.raises(nnapi_runtime.ModelError, match="a state of another name"):
        nnapi_runtime.Session(manifest, parts.models, parts.weights, parts.torch_programs)
    manifest = copy.deepcopy(parts.manifest)
    manifest["variants"] = []
    with pytest.raises(nnapi_runtime.ModelError, match="without free sizes"):
        nnapi_runtime.Session(manifest, parts.models, parts.weights, parts.torch_programs)


def test_a_value_that_is_no_state_any_more_is_refused(parts: Any) -> None:
    """The pieces give another shape than the manifest says: the call fails, and the state stays."""
    manifest = copy.deepcopy(parts.manifest)
    manifest["constants"]["other"] = {"dtype": "float32", "shape": [1], "data": "AACAPw=="}
    manifest["state"][0]["output"] = "other"
    session = nnapi_runtime.Session(manifest, parts.models, parts.weights, parts.torch_programs)
    with pytest.raises(nnapi_runtime.ModelError, match=r"'total' became float32 of shape \(1"):
        session(np.ones((2, 3), np.float32))
    np.testing.assert_array_equal(session.state["total"], np.ones((2, 3), np.float32))


def test_the_version_rises_with_state_alone(parts: Any, tmp_path: Path) -> None:
    convert(nn.ReLU(), (torch.ones(2),)).save(tmp_path / "m.nnapi")
    assert b'"version": "1"' in (tmp_path / "m.nnapi").read_bytes().replace(b'":"', b'": "')
    convert(Sums(), (torch.ones(2, 3),)).save(tmp_path / "m.nnapi")
    assert b'"version": "2"' in (tmp_path / "m.nnapi").read_bytes().replace(b'":"', b'": "')
