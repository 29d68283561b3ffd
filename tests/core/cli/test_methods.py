"""``--method``: several methods of a module from the command line, verified, shown and timed one by one."""

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

class Speech(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.shared = nn.Linear(8, 8)
        self.register_buffer("memory", torch.zeros(1, 8))

    def encode(self, x):
        self.memory = torch.relu(self.shared(x))
        return self.memory.sum(-1)

    def step(self, y, scale=1.0):
        return self.shared(y) * scale + self.memory

    def forward(self, x):
        return self.shared(x)

    def tick(self):
        return self.memory * 2

    def broken(self, x):
        return x @ torch.ones(3)

def make():
    one = torch.ones(1, 8)
    return Speech(), {"encode": (one,), "decode": ((one,), {"scale": 3.0}), "tick": ()}

def plain():
    return Speech()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


TWO = ["--method", "encode:1x8", "--method", "decode=step:1x8"]


@pytest.mark.parametrize("suffix", [".nnapi", ".ptl"])
def test_convert_verify_inspect_bench(
    suffix: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = f"m{suffix}"
    words = [
        "models.py:plain",
        "-o",
        out,
        *TWO,
        "--method",
        "decode=step:3x8",
        "--method",
        "forward:2x8",
    ]
    assert main([*words, "--verify", "--report", "report.json"]) == 0
    said = capsys.readouterr().out
    assert said.count("agrees with torch") == 4
    assert "all in turn:" in said
    rows = {row["name"]: row for row in json.loads((folder / "report.json").read_text())["nodes"]}
    assert {name.partition(".")[0] for name in rows} == {"encode", "decode", "decode_2", "forward"}
    assert all("models.py:" in row["source"] for row in rows.values())
    assert rows["encode.linear"]["error"] is not None
    assert main(["inspect", out]) == 0
    assert "method decode" in capsys.readouterr().out
    assert main(["bench", out, "--runs", "2", "--warmup", "1"]) == 0
    said = capsys.readouterr().out
    assert [line.partition(":")[0].split()[1] for line in said.splitlines()] == [
        "encode",
        "decode",
        "forward",
    ]
    assert main(["bench", out, "--runs", "2", "--warmup", "1", "--method", "decode"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    words = ["models.py:make", "-o", out, "--method", "encode", "--method", "tick"]
    assert main(words) == 0
    assert main(["bench", out, "--runs", "2", "--warmup", "1", "--method", "tick"]) == 0
    assert "median" in capsys.readouterr().out
    assert main(["models.py:plain", "-o", out, *TWO, "--method", "forward:2x8"]) == 0
    assert main(["bench", out, "--runs", "2", "--method", "other"]) == 1
    assert "no method 'other'; it has 'encode', 'decode', 'forward'" in capsys.readouterr().err


def test_profiles_and_pictures_are_of_one_method(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["models.py:make", "-o", "m.nnapi", "--method", "encode", "--method", "decode=step"])
        == 0
    )
    session = nnapi_runtime.load("m.nnapi")
    assert session.decode(torch.zeros(1, 8), scale=3.0).shape == (1, 8)
    assert main(["bench", "m.nnapi", "--profile", "--runs", "1"]) == 1
    assert "--method says which one is profiled" in capsys.readouterr().err
    words = ["bench", "m.nnapi", "--runs", "1", "--method", "decode", "--report", "page.json"]
    assert main(words) == 0
    assert "FULLY_CONNECTED" in capsys.readouterr().out
    graphs = json.loads((folder / "page.json").read_text())["graphs"]
    assert [one["name"] for one in graphs] == ["m, decode", "m, encode"]
    assert any(node["microseconds"] for node in graphs[0]["nodes"])
    assert not any(node["microseconds"] for node in graphs[1]["nodes"])
    assert main(["inspect", "m.nnapi", "--graph", "graph.json", "--report", "page.html"]) == 0
    assert main(["explain", "models.py:make", "--method", "encode", "--method", "decode=step"]) == 0
    assert "decode.linear" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["models.py:plain", "--method", "encode"], 1, "say its inputs"),
        (["models.py:plain", "--method", "other:1x8"], 1, "has no method 'other'"),
        (
            ["models.py:plain", "--method", "broken:1x8"],
            1,
            "does not run on inputs of shape [1, 8]",
        ),
        (["models.py:plain", "--method", "encode=memory:1x8"], 1, "has no method 'memory'"),
        (
            ["models.py:plain", "--method", "state=encode:1x8"],
            1,
            "a method cannot be called 'state'",
        ),
        (["m.pt2", "--method", "encode:1x8"], 1, "--method is for module:callable"),
        (["models.py:plain", "--method", "a b:1x8"], 2, "write NAME=ATTRIBUTE"),
        (["models.py:plain", "--method", "encode:1y8"], 2, "write the shape"),
        (["models.py:plain", *TWO, "--input", "1x8"], 2, "--input goes not with --method"),
    ],
)
def test_what_is_wrong_is_one_clear_error(
    words: list[str], code: int, why: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        found = main([*words, "-o", "m.nnapi"])
    except SystemExit as end:
        found = int(str(end.code))
    assert found == code
    assert why in capsys.readouterr().err
    assert not (folder / "m.nnapi").exists()
