"""``verify`` and ``diff``, what ``inspect`` says of scales and TorchScript, and completion."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import nnapi_core
import nnapi_runtime
from nnapi_core.cli import main
from nnapi_core.verification.compare_artifacts import compare

MODELS = """
import torch
from torch import nn

class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x):
        self.count += 1
        return x * self.count

class Two(nn.Module):
    def forward(self, x):
        return x + 1

    def other(self, x):
        return x * 2, x - 1

def net(seed=0, middle=nn.ReLU):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 5), middle(), nn.Linear(5, 3))

def small():
    return net(), (torch.ones(2, 6),)

def other_weights():
    return net(1), (torch.ones(2, 6),)

def sigmoid():
    return net(0, nn.Sigmoid), (torch.ones(2, 6),)

def two_results():
    class Results(nn.Module):
        def forward(self, x):
            return x, x[:, :3]
    return Results(), (torch.ones(2, 6),)

def counter():
    return Counter(), (torch.ones(4),)

def two():
    return Two(), {"forward": (torch.ones(3),), "other": (torch.ones(2),)}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    (folder / "models.py").write_text(MODELS)
    here = Path.cwd()
    os.chdir(folder)
    try:
        for name in ("small", "other_weights", "sigmoid", "counter"):
            for suffix in ("nnapi", "ptl"):
                assert main([f"models.py:{name}", "-o", f"{name}.{suffix}"]) == 0
        methods = ["--method", "forward", "--method", "other"]
        for suffix in ("nnapi", "ptl"):
            assert main(["models.py:two", "-o", f"two.{suffix}", *methods]) == 0
    finally:
        os.chdir(here)
    return folder


@pytest.fixture(autouse=True)
def _here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


@pytest.mark.parametrize("suffix", ["nnapi", "ptl"])
@pytest.mark.parametrize(
    ("file", "model", "code", "said"),
    [
        ("small", "small", 0, "agrees with torch (limit 0.0001"),
        ("small", "other_weights", 1, "DISAGREES"),
        ("small", "sigmoid", 1, "differs from models.py:sigmoid"),
        ("small", "two_results", 1, "gives 1 results, and the model 2"),
        ("counter", "counter --calls 3", 0, "agrees"),
        ("two", "small", 1, "has several methods: 'forward', 'other'; --method"),
        ("two", "two --method forward --method other", 0, "other:\nagrees"),
        ("two", "two --method nothing=other:2", 1, "has no method 'nothing'"),
    ],
)
def test_verify(
    suffix: str, file: str, model: str, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", f"{file}.{suffix}", *f"models.py:{model}".split()]) == code
    printed = capsys.readouterr()
    assert said in printed.out + printed.err


def test_verify_says_why_it_does_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "small.nnapi", "models.py:counter"]) == 1
    assert "must be float32 of shape (2, 6)" in capsys.readouterr().err
    assert main(["verify", "small.ptl", "models.py:counter"]) == 1
    assert "small.ptl" in capsys.readouterr().err
    assert main(["verify", "models.py", "models.py:counter"]) == 1
    assert "verify reads .nnapi, .ptl and .pt" in capsys.readouterr().err


@pytest.mark.parametrize("limit", ["0", "-1", "inf", "nan", "much"])
def test_verify_takes_a_limit_above_0(limit: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["verify", "small.nnapi", "models.py:small", "--limit", limit])
    assert ended.value.code == 2


def test_verify_as_json_and_by_limit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "small.nnapi", "models.py:other_weights", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["schema_version"] == 1 and found["passed"] is False
    (method,) = found["methods"]
    away = method["outputs"][0]["relative"]
    assert away > method["limit"]
    limit = ["--limit", str(away * 1.01)]
    assert main(["verify", "small.nnapi", "models.py:other_weights", *limit]) == 0


def test_verify_artifact_in_python() -> None:
    module, x = nn.Linear(3, 2), torch.randn(1, 3)
    nnapi_core.convert(module, (x,)).save("linear.nnapi")
    found = nnapi_core.verify_artifact("linear.nnapi", (x,), [module(x)])
    assert found.passed and [one.name for one in found.outputs] == ["result 0"]
    assert not nnapi_core.verify_artifact("linear.nnapi", (x,), [module(x) + 1]).passed


@pytest.mark.parametrize("suffix", ["nnapi", "ptl"])
def test_diff_of_what_does_the_same(suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    again = f"again.{suffix}"
    for name in ("small", "counter", "two"):
        methods = ["--method", "forward", "--method", "other"] * (name == "two")
        assert main([f"models.py:{name}", "-o", again, *methods]) == 0
        capsys.readouterr()
        assert main(["diff", f"{name}.{suffix}", again, "--exit-code"]) == 0
        assert "they do the same" in capsys.readouterr().out


@pytest.mark.parametrize("suffix", ["nnapi", "ptl"])
def test_diff_names_what_differs(suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", f"small.{suffix}", f"sigmoid.{suffix}"]) == 0
    said = capsys.readouterr().out
    assert "LOGISTIC: 0 | 1" in said and "weights" not in said
    assert main(["diff", f"small.{suffix}", f"other_weights.{suffix}", "--exit-code"]) == 3
    said = capsys.readouterr().out
    assert "weights that the other has not: 4 | 4" in said and "LOGISTIC" not in said
    assert main(["diff", f"small.{suffix}", f"counter.{suffix}", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema_version"] == 1 and not found["same"]
    (state,) = [one for one in found["differences"] if one["what"].startswith("state count")]
    assert state["a"] is None


def test_diff_is_the_same_both_ways() -> None:
    files = ["small.nnapi", "sigmoid.nnapi", "counter.nnapi", "small.ptl", "two.nnapi"]
    for a in files:
        for b in files:
            there = {(one.what, one.a, one.b) for one in compare(a, b)}
            back = {(one.what, one.b, one.a) for one in compare(b, a)}
            assert there == back
            assert bool(there) is (a != b)


def test_inspect_says_scales_and_what_stock_files_take(
    capsys: pytest.CaptureFixture[str],
) -> None:
    module, x = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), torch.rand(1, 3, 6, 6)
    program = nnapi_core.quantize(module.eval(), [(x,)])
    nnapi_core.convert(program, (x,)).save("q.nnapi")
    assert main(["inspect", "q.nnapi"]) == 0
    (line,) = [one for one in capsys.readouterr().out.splitlines() if " CONV_2D(" in one]
    assert " scale 0.0039" in line and "zero point 0" in line and " scales " in line
    nnapi_core.convert(program, (x,), quantized_io=True).save("qio.nnapi")
    assert main(["inspect", "qio.nnapi"]) == 0
    said = capsys.readouterr().out
    assert "uint8 (1, 3, 6, 6), scale 0.0039" in said
    assert main(["inspect", "small.ptl"]) == 0
    said = capsys.readouterr().out
    assert "  input 0: float32 (2, 6)\n  output Tensor\n" in said
    assert main(["inspect", "two.ptl"]) == 0
    said = capsys.readouterr().out
    assert "  method other\n  input 0: float32 (2)\n" in said


def test_a_session_says_what_to_do_with_files_of_other_formats() -> None:
    torch.export.save(torch.export.export(nn.ReLU(), (torch.ones(2),)), "m.pt2")
    Path("m.onnx").write_bytes(b"\x08\x07")
    for name, said in (
        ("small.ptl", "is a TorchScript file"),
        ("m.pt2", "nnapi-convert FILE.pt2 -o FILE.nnapi"),
        ("m.onnx", "is an ONNX file"),
        ("models.py", "is no .nnapi file"),
        ("nothing.ptl", "cannot be read"),
    ):
        with pytest.raises(nnapi_runtime.ModelError, match=said):
            nnapi_runtime.load(name)


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("nnapi-convert new", "new-plugin"),
        ("nnapi-convert explain --fea", "--feature-level"),
        ("nnapi-convert convert m.pt2 --fallback h", "host"),
        ("nnapi-convert quantize --bias", "--bias-correction"),
    ],
)
def test_the_shell_completes(line: str, offered: str, tmp_path: Path) -> None:
    pytest.importorskip("argcomplete", reason="the extra completion is not installed")
    answer = tmp_path / "answer"
    environment = {
        **os.environ,
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
    }
    script = "import sys; from nnapi_core.cli import main; main()"
    subprocess.run([sys.executable, "-c", script], env=environment, check=False)
    assert answer.read_text().strip().splitlines() == [offered]
