"""The commands that read a data set: a model calibrated with layers in floats; float, program and artifact compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from nnapi_core.cli import main
from nnapi_core.graph.calibration_record import CalibrationRecord

pytest.importorskip("torchao", reason="quantisation needs the extra `quant`")

MODEL = """
import torch
from torch import nn

torch.manual_seed(0)
NET = nn.Sequential(nn.Conv2d(3, 8, 3), nn.SiLU(), nn.Flatten(), nn.Linear(8 * 36, 4)).eval()
GENERATOR = torch.Generator().manual_seed(1)
IMAGES = [torch.randn(1, 3, 8, 8, generator=GENERATOR) for _ in range(12)]


def net():
    return NET


def batches():
    return ((one,) for one in IMAGES)


def labelled():
    with torch.no_grad():
        return [(one, NET(one).argmax(1)) for one in IMAGES]


def none():
    return []


def accuracy(model, items):
    right = [bool((model(x).argmax(1) == y).all()) for x, y in items]
    return sum(right) / len(right)


def closeness(model, items):
    return -max(float((model(x).detach() - NET(x).detach()).abs().max()) for x, _ in items)


def failing(model, items):
    raise KeyError("labels")
"""


@pytest.fixture
def model(tmp_path: Path) -> str:
    (tmp_path / "my_net.py").write_text(MODEL)
    return str(tmp_path / "my_net.py")


def test_from_a_model_to_the_comparison(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program, artifact = tmp_path / "m.pt2", tmp_path / "m.nnapi"
    argv = ["quantize", f"{model}:net", "-o", str(program), "--data", f"{model}:batches"]
    argv += ["--float", "conv2d", "--calibration", "percentile"]
    assert main([*argv, "--report", str(tmp_path / "r.json")]) == 0
    assert "computed in floats, as was asked: conv2d" in capsys.readouterr().out
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["schema_version"] == 1
    assert report["calibration"] == "percentile" and report["left"] == ["conv2d"]
    assert main([str(program), "-o", str(artifact)]) == 0
    capsys.readouterr()
    files = [f"{model}:net", str(program), str(artifact)]
    argv = ["evaluate", *files, "--data", f"{model}:labelled", "--metric", f"{model}:accuracy"]
    assert main([*argv, "--report", str(tmp_path / "e.json")]) == 0
    document = json.loads((tmp_path / "e.json").read_text())
    assert document["schema_version"] == 1
    rows = document["models"]
    assert [one["name"] for one in rows] == files
    assert rows[0]["values"] == {"metric": 1.0} and all(one["items"] == 12 for one in rows)
    assert rows[1]["values"] == rows[2]["values"]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and all("metric" in one and "12 items" in one for one in lines)


@pytest.mark.parametrize(
    "options",
    [
        ["--target-snr", "38", "--scheme", "int8-per-tensor"],
        ["--metric", "{}:closeness", "--metric-data", "{}:labelled", "--at-least", "-0.006"],
    ],
)
def test_goals(options: list[str], model: str, tmp_path: Path) -> None:
    program = tmp_path / "m.pt2"
    argv = ["quantize", f"{model}:net", "-o", str(program), "--data", f"{model}:batches"]
    assert main([*argv, *(one.format(model) for one in options)]) == 0
    record = CalibrationRecord.of(torch.export.load(program))
    assert record is not None and record.left and record.curve
    if "--target-snr" in options:
        assert record.snr[0] >= 38


@pytest.mark.parametrize(
    "options, said",
    [
        (["--float", "conv9"], "named 'conv9'"),
        (["--float-types", "Softmax"], "of the type Softmax"),
        (["--data", "{}:none"], "is empty"),
        (["--data", "{}:nothing"], "no function 'nothing'"),
        (["--data", "batches"], "write it as module:function"),
        (["--scheme", "int4"], "no scheme 'int4'"),
        (["--scheme", "int8-per-tensor", "--feature-level", "29"], "needs feature level 30"),
        (["--metric", "{}:failing", "--at-least", "1"], "needs --metric-data"),
        (
            ["--metric", "{}:failing", "--metric-data", "{}:labelled", "--at-least", "1"],
            "KeyError: 'labels'",
        ),
        (["-o", "m.nnapi"], "a quantised program is .pt2"),
    ],
)
def test_refused(
    options: list[str],
    said: str,
    model: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    argv = ["quantize", f"{model}:net", "-o", str(tmp_path / "m.pt2"), "--data", f"{model}:batches"]
    assert main([*argv, *(one.format(model) for one in options)]) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "m.pt2").exists()


@pytest.mark.parametrize(
    "options, said",
    [
        (["{}:net", "--metric", "{}:failing", "--data", "{}:labelled"], "KeyError: 'labels'"),
        (["{}:net", "--metric", "{}:accuracy", "--data", "{}:none"], "ZeroDivisionError"),
        (["m.ptl", "--metric", "{}:accuracy", "--data", "{}:labelled"], "evaluate the .nnapi"),
        (["gone.nnapi", "--metric", "{}:accuracy", "--data", "{}:labelled"], "gone.nnapi"),
    ],
)
def test_evaluations_refused(
    options: list[str], said: str, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *(one.format(model) for one in options)]) == 1
    assert said in capsys.readouterr().err
