"""Each allocation of a load and a run fails once: an error, and a session that computes as before."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.runtime.native_program import compiled

FOLDER = Path(__file__).parents[2] / "data" / "nnapi"
MODELS = ["mlp", "conv", "integers", "free", "patched", "branches", "lstm", "topk", "written"]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled("failing_allocations.cpp", tmp_path_factory.mktemp("native"))


@pytest.mark.parametrize("model", MODELS)
def test_errors_and_nothing_else(
    model: str, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NNAPI_HOST_LOG", "0")
    done = subprocess.run(
        [program, FOLDER / f"{model}.nnapi"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    failed, wrong = map(int, re.findall(r"\d+", done.stdout))
    assert failed > 100
    assert wrong == 0
