"""What is said of a conversion is said of the file that is written: summary, level, verification, explanation."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import nnapi_core
from nnapi_core.cli import main
from nnapi_core.errors import ConversionError, FormatWarning
from nnapi_core.graph.program import source_of

MODELS = """
import torch
from torch import nn

class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(6, 6, 1)
        self.lstm = nn.LSTM(6, 7)

    def forward(self, x):
        return torch.relu(self.lstm(self.conv(x.permute(1, 2, 0)).permute(2, 0, 1))[0])

class Dense(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(6, 5)

    def forward(self, x):
        return torch.relu(self.linear(x))

class Half(nn.Module):
    def forward(self, x):
        return torch.relu(x) * 2 + 1

class Listed(nn.Module):
    def forward(self, x):
        return {"a": x + 1, "b": [x * 2, 3.0]}

def recurrent():
    torch.manual_seed(0)
    return Recurrent(), (torch.randn(5, 2, 6),)

def dense():
    torch.manual_seed(0)
    return Dense(), (torch.randn(2, 6),)

def half():
    return Half(), (torch.randn(2, 6, dtype=torch.float16),)

def listed():
    return Listed(), (torch.randn(2, 6),)
"""
NAMES = ["recurrent", "dense", "half", "listed"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(path: str) -> list[tuple[str, str]]:
    return [(row["name"], row["device"]) for row in json.loads(Path(path).read_text())["nodes"]]


@pytest.mark.parametrize("suffix", [".nnapi", ".ptl", ".pt"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", [27, 30])
def test_explain_converts_and_reports_alike(
    name: str, suffix: str, level: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"models.py:{name}", "-o", f"m{suffix}", "--feature-level", str(level)]
    refused = main(["explain", *words, "--report", "explained.json"])
    explained = capsys.readouterr()
    assert not Path(f"m{suffix}").exists()
    assert main([*words, "--verify", "--report", "written.json"]) == refused
    said = capsys.readouterr()
    if refused:
        assert explained.err == said.err
        return
    assert rows("explained.json") == rows("written.json")
    on_nnapi = sum(device == "nnapi" for _, device in rows("written.json"))
    assert said.out.startswith(f"{on_nnapi} nodes on NNAPI")
    holds_pieces = b"_nnapi" in Path(f"m{suffix}").read_bytes() or suffix == ".nnapi"
    assert holds_pieces or on_nnapi == 0
    report = json.loads(Path("written.json").read_text())
    assert f"feature level {report['feature_level']})" in said.out
    assert "agrees with torch" in said.out


def test_nodes_that_a_format_leaves_to_torch_are_warned_of(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["models.py:recurrent", "--feature-level", "30"]
    for command in (["explain", *words, "-o", "m.ptl"], [*words, "-o", "m.ptl"]):
        assert main(command) == 0
        said = capsys.readouterr()
        assert "warning: m.ptl: stock PyTorch's format runs" in said.err
        assert "lstm (aten.lstm.input) at" in said.err
        assert "cpu" in said.out
    assert main([*words, "-o", "m.nnapi"]) == 0
    assert "warning" not in capsys.readouterr().err


def test_saving_from_python_warns_too(tmp_path: Path) -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(6, 7)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.lstm(x)[0]
            return y

    args = (torch.randn(5, 2, 6),)
    converted = nnapi_core.convert(Recurrent(), args, feature_level=30)
    assert [row.device for row in converted.report.nodes if row.name == "lstm"] == ["nnapi"]
    with pytest.warns(FormatWarning, match=r"lstm \(aten.lstm.input\)"):
        converted.save(tmp_path / "m.ptl")
    held = converted.held_by("m.ptl")
    assert [row.device for row in held.report.nodes if row.name == "lstm"] == ["cpu"]
    assert converted.held_by("m.pt") is held
    assert converted.held_by("m.nnapi") is converted
    with warnings.catch_warnings():
        warnings.simplefilter("error", FormatWarning)
        converted.save(tmp_path / "m.nnapi")
        held.save(tmp_path / "m.pt")
    with pytest.raises(
        ConversionError, match=r"artifacts end in \.nnapi, \.ptl or \.pt, not '\.txt'"
    ):
        converted.held_by("m.txt")


def _traced(*files: str) -> Any:
    node = torch.fx.Graph().placeholder("x")
    node.meta["stack_trace"] = "\n".join(
        f'  File "{file}", line {line}, in forward\n    x' for line, file in enumerate(files, 1)
    )
    return node


@pytest.mark.parametrize(
    "torchs",
    [
        "/home/ann/venv/lib/python3.12/site-packages/torch/nn/modules/linear.py",
        "/usr/lib/python3/dist-packages/torch/nn/functional.py",
        "C:\\Users\\ann\\venv\\Lib\\site-packages\\torch\\nn\\modules\\conv.py",
        "/build/pytorch/torch/nn/modules/module.py",
        "/opt/env/lib/python3.11/site-packages/torchao/quantization/linear.py",
        "<eval_with_key>.3",
        f"{torch.__path__[0]}/nn/modules/container.py",
    ],
)
def test_torchs_own_frames_are_skipped_wherever_they_were(torchs: str) -> None:
    assert source_of(_traced("/home/ann/model.py", torchs)) == "/home/ann/model.py:1"
    assert source_of(_traced(torchs, "/home/ann/torch_models/torch/net.py", torchs)) == (
        "/home/ann/torch_models/torch/net.py:2"
    )
    # Better than nothing where there is no other.
    assert source_of(_traced(torchs)) == f"{torchs}:1"


def test_recurrent_layers_have_products() -> None:
    held = nnapi_core.convert(nn.LSTM(6, 7), (torch.randn(5, 2, 6),), feature_level=30)
    rows = [row for row in held.held_by("m.ptl").report.nodes if row.name == "lstm"]
    assert [row.macs for row in rows] == [5 * 2 * 4 * 7 * (6 + 7)]
    assert held.held_by("m.ptl").report.mac_share == 0
