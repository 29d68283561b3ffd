"""What a manifest says of methods is checked before anything runs."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import nnapi_runtime
from nnapi_core.artifact.inspect_text import describe
from nnapi_core.conversion.convert_methods import convert_methods
from nnapi_runtime.nnapi_file import read_file
from tests.core.artifact.damaged_files import looked_at


class Memory(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kept", torch.ones(2, 3))

    def remember(self, x: torch.Tensor) -> torch.Tensor:
        self.kept += x
        return x * 3

    def recall(self, y: torch.Tensor) -> torch.Tensor:
        return self.kept * y


X = np.ones((2, 3), np.float32)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("methods") / "m.nnapi"
    module, x = Memory(), torch.ones(2, 3)
    sizes = [(x,), (torch.ones(1, 3),)]
    convert_methods({"remember": (module.remember, (x,)), "recall": (module.recall, sizes)}).save(
        made
    )
    return made


@pytest.fixture(scope="module")
def parts(path: Path) -> Any:
    return read_file(path)


def opened(parts: Any, change: Callable[[dict[str, Any]], Any]) -> nnapi_runtime.Session:
    manifest = copy.deepcopy(parts.manifest)
    change(manifest)
    return nnapi_runtime.Session(manifest, parts.models, parts.weights, parts.torch_programs)


def test_methods_run_as_the_manifest_says(parts: Any) -> None:
    session = opened(parts, lambda manifest: None)
    np.testing.assert_array_equal(session.recall(X), X)
    np.testing.assert_array_equal(session.remember(X), X * 3)
    np.testing.assert_array_equal(session.recall(X), X * 2)
    np.testing.assert_array_equal(session.recall(X[:1]), X * 2)
    with pytest.raises(
        nnapi_runtime.ArgumentError, match=r"shape \(3\); it was made for: \(2, 3\)"
    ):
        session.recall(X[0])
    with pytest.raises(nnapi_runtime.ArgumentError, match="takes 1 tensors"):
        session.run_tensors([X, X]) if len(session.methods) == 1 else session.recall.run_tensors(
            [X, X]
        )


def recall(manifest: dict[str, Any]) -> Any:
    return manifest["methods"][1]["manifests"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda m: m["methods"].clear(), "methods is .*not a method"),
        (lambda m: m["methods"].append(m["methods"][0]), "a method of another name"),
        (lambda m: recall(m).clear(), "not a method with a manifest"),
        (lambda m: m.update(stages=[]), "what a manifest of methods alone may have"),
        (lambda m: recall(m)[0].update(methods=[]), "what a manifest of methods alone may have"),
        (lambda m: m.pop("relaxed"), "relaxed"),
        (lambda m: m["methods"][0].update(name=3), "name"),
        (lambda m: recall(m)[1]["inputs"][0].update(dtype="int32"), "differs from the first"),
        (lambda m: recall(m)[1].update(output_tree=["list", [["leaf"]]]), "differs from the first"),
        (lambda m: recall(m)[0]["state"][0].update(weight=5), "the state 'kept' as the methods before"),
        (lambda m: recall(m)[0]["state"][0].update(shape=[3, 2]), "the state 'kept' as the methods"),
        (lambda m: recall(m)[0]["state"][0].update(output="nothing"), "which nothing makes"),
        (lambda m: recall(m)[0].update(input_tree=[]), "input_tree"),
        (lambda m: recall(m)[0]["stages"][0].update(model="model.9.0"), "model.9.0.* is missing"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(parts: Any, change: Callable[[Any], Any], why: str) -> None:
    with pytest.raises(nnapi_runtime.ModelError, match=why):
        opened(parts, change)


def test_a_file_of_methods_is_looked_at(path: Path, tmp_path: Path) -> None:
    assert looked_at(path, tmp_path) == 0
    text = describe(path)
    assert "2 methods" in text
    assert "method remember: 1 piece(s)\n  input x: float32 (2, 3)" in text
    assert "  input y: float32 (1, 3)" in text
    page = (tmp_path / "x.html").read_text() if (tmp_path / "x.html").exists() else ""
    assert "Traceback" not in page
