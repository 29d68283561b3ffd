"""``--dynamic`` and ``--sizes`` as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import nnapi_runtime
from nnapi_core.cli import main

MODEL = """
import torch
from torch import nn

class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x, y):
        return nn.functional.interpolate(self.conv(x), scale_factor=2) + y

def small():
    return Small(), (torch.randn(2, 3, 16, 8), torch.randn(2, 4, 1, 1))
"""
BATCH, ROWS = ["--dynamic", "x:0,y:0=1..4"], ["--dynamic", "rows=x:2=8..32/4"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> int:
    return main(["models.py:small", "-o", "m.nnapi", "--feature-level", "29", *words])


def test_free_dimensions(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*BATCH, *ROWS, "--verify", "--report", "r.json") == 0
    printed = capsys.readouterr().out
    assert "free sizes (load time): x_0 1 to 4 (x:0); rows 2 to 8 (x:2 = 4 * rows)" in printed
    report = json.loads((folder / "r.json").read_text())
    assert report["shape_strategy"] == "load time"
    assert report["sizes"][1] == {"name": "rows", "least": 2, "most": 8, "where": "x:2 = 4 * rows"}
    model = nnapi_runtime.load(folder / "m.nnapi")
    assert model(torch.randn(3, 3, 32, 8), torch.randn(3, 4, 1, 1)).shape == (3, 4, 64, 16)
    with pytest.raises(nnapi_runtime.ArgumentError, match="x_0 is 5"):
        model(torch.randn(5, 3, 32, 8), torch.randn(5, 4, 1, 1))


def test_what_is_inspected_and_timed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*BATCH, *ROWS) == 0
    assert main(["inspect", "m.nnapi"]) == 0
    printed = capsys.readouterr().out
    assert "size x_0: 1 to 4 (dimension 0 of x)" in printed
    assert "words written at load time" in printed
    assert main(["bench", "m.nnapi", "--runs", "2", "--warmup", "1"]) == 0
    assert "median" in capsys.readouterr().out


def test_fixed_sizes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*ROWS, "--sizes", "rows=2", "--sizes", "rows=5") == 0
    assert "free sizes (fixed sizes, 2 variants)" in capsys.readouterr().out
    assert main(["inspect", "m.nnapi"]) == 0
    assert "for rows 5:" in capsys.readouterr().out
    model = nnapi_runtime.load(folder / "m.nnapi")
    assert model(torch.randn(2, 3, 20, 8), torch.randn(2, 4, 1, 1)).shape == (2, 4, 40, 16)


def test_explain_names_the_way(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "models.py:small", *BATCH, *ROWS]) == 0
    assert "free sizes (load time)" in capsys.readouterr().out


REFUSED = {
    "z:0=1..4": "there is no input 'z', only x, y",
    "x:7=1..4": "has 4 dimensions",
    "7:0=1..4": "is not a tensor among the inputs",
}


@pytest.mark.parametrize("text", REFUSED)
def test_refusals(text: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--dynamic", text) == 1
    assert REFUSED[text] in capsys.readouterr().err
    assert not (folder / "m.nnapi").exists()


@pytest.mark.parametrize(
    "text", ["x:0", "x:0=4..1", "x=1..4", "x:0=0..4", "x:2=9..32/4", "x:0=4..4"]
)
def test_wrong_usage(text: str, folder: Path) -> None:
    with pytest.raises(SystemExit) as end:
        run("--dynamic", text)
    assert end.value.code == 2
