"""``fallback="host"``: what the target refuses runs on our own library; and files that need no torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import nnapi_core
import nnapi_runtime
from nnapi_core.cli import main


class Mixed(nn.Module):
    """At level 27, the two middle operators are younger than the target; nobody has the last of ``exotic``."""

    def __init__(self, exotic: bool = False) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 8), nn.Linear(8, 4)
        self.exotic = exotic

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y = self.first(x)
        z = torch.maximum(torch.sin(y), y.abs())
        if self.exotic:
            z = torch.special.i0(z)
        return self.last(z), y


def kinds(converted: nnapi_core.Converted) -> list[str]:
    return [stage.get("library", stage["kind"]) for stage in converted.contents.manifest["stages"]]


def test_refused_nodes_become_pieces_for_our_library(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module, x = Mixed().eval(), torch.randn(3, 6)
    before = nnapi_core.convert(module, (x,), feature_level=27)
    converted = nnapi_core.convert(module, (x,), feature_level=27, fallback="host")
    assert "torch" in kinds(before)
    assert set(kinds(converted)) == {"nnapi", "host"}
    assert converted.report.feature_level == converted.contents.manifest["feature_level"] == 27
    rows = {row.name: row for row in converted.report.nodes}
    assert rows["sin"].device == "nnapi"
    assert rows["sin"].reason.startswith("on our own library: ")
    converted.save(tmp_path / "m.nnapi")
    session = nnapi_runtime.load(tmp_path / "m.nnapi", torch="never")
    with torch.no_grad():
        for result, wanted in zip(session(x), module(x), strict=True):
            torch.testing.assert_close(result, wanted, rtol=1e-5, atol=1e-5)
    assert [one.code is not None for one in session.placements] == [True] * len(session.placements)


@given(st.lists(st.sampled_from(["sin", "abs", "tanh", "i0", "linear"]), min_size=1, max_size=6))
def test_any_mixture_is_right(names: list[str]) -> None:
    class Chain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for name in names:
                x = self.linear(x) if name == "linear" else FUNCTIONS[name](x)
            return x

    torch.manual_seed(0)
    module, x = Chain().eval(), torch.randn(2, 4)
    converted = nnapi_core.convert(module, (x,), feature_level=27, fallback="host")
    assert ("torch" in kinds(converted)) == ("i0" in names)
    with torch.no_grad():
        torch.testing.assert_close(converted(x), module(x), rtol=1e-4, atol=1e-4)


FUNCTIONS = {"sin": torch.sin, "abs": torch.abs, "tanh": torch.tanh, "i0": torch.special.i0}

MODEL = """
import torch
from tests.core.conversion.test_host_pieces import Mixed

def plain():
    return Mixed().eval()

def exotic():
    return Mixed(exotic=True).eval()
"""


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    (tmp_path / "net.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    return ["--input", "3x6", "--feature-level", "27", "-o", "m.nnapi", "--no-torch"]


def test_no_torch_names_each_culprit(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["net.py:plain", *command]) == 1
    told = capsys.readouterr().err
    assert "m.nnapi was not written" in told
    assert "sin (aten.sin.default) at " in told
    assert "test_host_pieces.py:" in told
    assert "--fallback host" in told
    assert not Path("m.nnapi").exists()


def test_no_torch_with_our_library(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["net.py:plain", *command, "--fallback", "host"]) == 0
    script = "import sys; sys.modules['torch'] = None\nimport nnapi_runtime, numpy as np\n"
    script += "y = nnapi_runtime.load('m.nnapi')(np.ones((3, 6), np.float32))\nprint(y[0].shape)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "(3, 4)"
    assert main(["net.py:exotic", *command, "--fallback", "host"]) == 1
    told = capsys.readouterr().err
    assert "i0 (aten.i0.default) at " in told
    assert "sin (aten" not in told


def test_the_report_says_that_torch_is_needed(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["net.py:plain", *command[:-1], "--report", "r.json"]) == 0
    notes = json.loads(Path("r.json").read_text())["notes"]
    assert any("m.nnapi needs torch where it runs" in note for note in notes)
    x = np.ones((3, 6), np.float32)
    assert nnapi_runtime.load("m.nnapi")(x)[0].shape == (3, 4)
