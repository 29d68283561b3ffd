"""``nnapi-convert`` as a person types it: what it prints, its exit codes, and that nothing half-written stays."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch
from torch import nn

import nnapi_core
import nnapi_runtime
from nnapi_core.cli import main
from nnapi_core.cli.convert_arguments import feature_level

MODEL = """
import torch
from torch import nn

class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x):
        return torch.relu(self.linear(x))

class Odd(nn.Module):
    def forward(self, x):
        y = torch.erfinv(x * 0.1)
        return torch.special.i0(y) + x

class Remembers(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("latest", torch.zeros(3, 4))

    def forward(self, x):
        self.latest = torch.cat([self.latest[1:], x[:1]])
        return self.latest.sum(0) * x

def remembers():
    return Remembers(), (torch.ones(2, 4),)

def small():
    torch.manual_seed(0)
    return Small(), (torch.randn(2, 4),)

def odd():
    return Odd()

def broken():
    raise ValueError("no weights here")

def number():
    return 3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(folder: Path) -> list[str]:
    return sorted(
        path.name
        for path in folder.iterdir()
        if path.suffix not in (".py", "") or "." not in path.name
    )


@pytest.mark.parametrize("suffix", [".nnapi", ".ptl", ".pt"])
def test_convert_verify_inspect_bench(
    suffix: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = f"small{suffix}"
    report = ["--report", "report.json"]
    assert main(["models.py:small", "-o", out, "--verify", *report]) == 0
    said = capsys.readouterr().out
    assert "agrees with torch" in said
    assert f"wrote {out}" in said
    nodes = json.loads((folder / "report.json").read_text())["nodes"]
    assert {row["device"] for row in nodes} <= {"nnapi", "folded"}
    assert all("models.py:" in row["source"] for row in nodes)
    assert main(["inspect", out]) == 0
    assert "FULLY_CONNECTED" in capsys.readouterr().out
    assert main(["bench", out, "--runs", "2", "--warmup", "1"]) == 0
    assert "median" in capsys.readouterr().out


def test_bench_profile_names_operations(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models.py:small", "-o", "small.nnapi"]) == 0
    assert main(["bench", "small.nnapi", "--runs", "1", "--profile"]) == 0
    said = capsys.readouterr().out
    assert "FULLY_CONNECTED" in said
    assert "GFLOP/s" in said and "of this machine's peak" in said


def test_bench_draws_a_profile_that_stands_alone(folder: Path) -> None:
    assert main(["models.py:small", "-o", "small.nnapi"]) == 0
    assert main(["bench", "small.nnapi", "--runs", "1", "--picture", "small.svg"]) == 0
    picture = (folder / "small.svg").read_text()
    root = ElementTree.fromstring(picture)
    assert root.tag.endswith("svg")
    assert "FULLY_CONNECTED" in picture and "of peak" in picture
    assert "href" not in picture


def test_html_report_stands_alone(folder: Path) -> None:
    assert main(["explain", "models.py:odd", "--input", "2x3", "--report", "report.html"]) == 0
    page = (folder / "report.html").read_text()
    assert "aten.erfinv.default" in page
    assert "http" not in page.replace("http-equiv", "")


def test_explain_lists_every_reason_and_writes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = written(folder)
    assert main(["explain", "models.py:odd", "--input", "2x3"]) == 0
    said = capsys.readouterr().out
    assert "aten.erfinv.default" in said
    assert "aten.i0.default" in said
    assert "models.py:15" in said
    assert written(folder) == before


def test_fallback_error_lists_all_with_lines(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["models.py:odd", "-o", "odd.nnapi", "--input", "2x3", "--fallback", "error"]
    assert main(command) == 1
    said = capsys.readouterr().err
    assert "2 node(s) cannot run on NNAPI" in said
    assert "models.py:15" in said
    assert "models.py:16" in said
    assert not (folder / "odd.nnapi").exists()


def test_exported_and_scripted_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = nn.Sequential(nn.Linear(4, 3), nn.ReLU()).eval()
    example = torch.randn(2, 4)
    torch.export.save(torch.export.export(module, (example,)), folder / "m.pt2")
    torch.jit.trace(module, example).save(str(folder / "m.pt"))
    assert main(["m.pt2", "-o", "a.nnapi", "--verify"]) == 0
    assert main(["m.pt", "-o", "b.nnapi", "--input", "2x4", "--verify", "--fallback", "error"]) == 0
    assert capsys.readouterr().out.count("agrees with torch") == 2


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["no_such.pt2", "-o", "x.nnapi"], "no_such.pt2: there is no such file"),
        (["models.py:nothing", "-o", "x.nnapi"], "models.py has no 'nothing'"),
        (["models.py:broken", "-o", "x.nnapi"], "ValueError: no weights here"),
        (["models.py:number", "-o", "x.nnapi"], "gives int, not an nn.Module"),
        (["models.py:odd", "-o", "x.nnapi"], "say the inputs of models.py:odd with --input"),
        (["models.py:small", "-o", "x.nnapi", "--input", "2x5"], "does not run on inputs of shape"),
        (["models.py:small", "-o", "x.onnx"], "artifacts end in .nnapi, .ptl, .pt"),
        (["models.py:small", "-o", "no/folder/x.nnapi"], "the folder does not exist"),
        (["models.py", "-o", "x.nnapi"], "a MODEL is"),
        (["inspect", "models.py"], "inspect reads .nnapi"),
        (["inspect", "x.nnapi"], "x.nnapi: there is no such file"),
        (["bench", "x.nnapi"], "x.nnapi: there is no such file"),
        (["bench", "x.nnapi", "--picture", "x.png"], "a picture is .svg"),
    ],
)
def test_bad_input_is_one_clear_error(
    command: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = written(folder)
    assert main(command) == 1
    said = capsys.readouterr().err
    assert said.startswith("nnapi-convert: ")
    assert message in said
    assert "Traceback" not in said
    assert written(folder) == before


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["models.py:small"],
        ["models.py:small", "-o", "x.nnapi", "--input", "2xx3"],
        ["models.py:small", "-o", "x.nnapi", "--input", "2x3:float31"],
        ["models.py:small", "-o", "x.nnapi", "--feature-level", "26"],
        ["models.py:small", "-o", "x.nnapi", "-p", "acme"],
        ["bench", "x.nnapi", "--runs", "0"],
        ["models.py:small", "-o", "x.nnapi", "--feature-level", "android7"],
        ["models.py:small", "-o", "x.nnapi", "--min-share", "101"],
        ["explain", "models.py:small", "--min-share", "most"],
    ],
)
def test_wrong_usage_exits_with_2(command: list[str], folder: Path) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(command)
    assert exit_.value.code == 2


def test_versions(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == (
        f"torch-nnapi {nnapi_core.__version__} (torch {torch.__version__})\n"
    )
    command = [sys.executable, "-m", "nnapi_core", "--version"]
    assert b"torch-nnapi" in subprocess.run(command, capture_output=True, check=True).stdout


def test_what_is_typed_is_read_without_torch() -> None:
    script = "import sys, nnapi_core.cli.convert_arguments; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    ("said", "level"),
    [
        ("27", 27),
        ("android8.1", 27),
        ("Android 11", 30),
        ("android13", 1000006),
        ("1000008", 1000008),
    ],
)
def test_levels_have_the_names_of_androids(said: str, level: int) -> None:
    assert feature_level(said) == level


@pytest.mark.parametrize("said", ["", "7", "android", "android7", "android١١", "¹", "-29", "29.0"])
def test_what_is_no_level(said: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"android8\.1"):
        feature_level(said)


@pytest.mark.parametrize(
    "words", [["explain"], ["convert", "-o", "odd.nnapi"], ["-o", "odd.nnapi"]]
)
def test_too_little_on_nnapi_exits_with_3(
    words: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*words, "models.py:odd", "--input", "3"]
    assert main([*command, "--min-share", "95"]) == 3
    error = capsys.readouterr().err
    assert "less than --min-share 95" in error
    assert written(folder) == []
    assert main([*command, "--min-share", "0%"]) == 0


def test_targets(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def level(*words: str) -> int:
        assert main(["models.py:small", "-o", "m.nnapi", "--report", "r.json", *words]) == 0
        return int(json.loads((folder / "r.json").read_text())["target_level"])

    assert level("--target", "android11") == 30
    assert level("--target", "android11", "--feature-level", "27") == 27
    assert level("--target", "onert-nnapi") == 30
    assert level("--device-profile", "onert-nnapi") == 29
    assert main(["models.py:small", "-o", "m.nnapi", "--target", "npu"]) == 1
    assert "there is no target 'npu'; there are android8.1" in capsys.readouterr().err


def test_plugins_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["schema_version"] == 1
    by_name = {one["name"]: one for one in listed["plugins"]}
    pool = by_name["builtin:nnapi_ops.pooling.max_pool"]
    assert "aten.max_pool2d.default" in pool["lowerings"]
    assert pool["distribution"] == f"torch-nnapi {nnapi_core.__version__}"
    assert any(one["decompositions"] for one in listed["plugins"])
    assert main(["plugins"]) == 0
    printed = capsys.readouterr().out
    assert main(["--plugins"]) == 0
    assert capsys.readouterr().out == printed
    assert "  aten.max_pool2d.default" in printed.splitlines()


def test_a_plugin_that_is_not_there_cannot_be_left_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models.py:small", "-o", "x.nnapi", "-p", "no:acme"]) == 1
    assert "no plugin acme to leave out; installed are" in capsys.readouterr().err


def test_names_of_the_package() -> None:
    assert set(nnapi_core.__all__) <= set(dir(nnapi_core))
    for name in nnapi_core.__all__:
        assert getattr(nnapi_core, name) is not None
    converted = nnapi_core.convert(nn.Linear(64, 64), (torch.randn(1, 64),))
    assert repr(converted) == (
        "<Converted: 1 nodes on NNAPI, 0 on the CPU, 0 folded; 1 piece(s), 0.02 MB of weights, feature level 27>"
    )


def damaged(path: Path, kind: str) -> None:
    data = bytearray(path.read_bytes())
    if kind == "truncated":
        data = data[: len(data) // 2]
    elif kind == "flipped":
        data[-3] ^= 0x10
    elif kind == "empty":
        data = bytearray()
    else:
        data[0:8] = b"\xff" * 8
    path.write_bytes(data)


@pytest.mark.parametrize("kind", ["truncated", "flipped", "empty", "hostile size"])
@pytest.mark.parametrize("command", ["inspect", "bench"])
def test_a_damaged_file_is_one_clear_error(
    kind: str, command: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models.py:small", "-o", "small.nnapi"]) == 0
    damaged(folder / "small.nnapi", kind)
    assert main([command, "small.nnapi"]) == 1
    said = capsys.readouterr().err
    assert "small.nnapi" in said
    assert "Traceback" not in said


def test_saving_over_a_file_is_whole_or_not_at_all(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = nn.Sequential(nn.Linear(64, 64), nn.ReLU()).eval()
    converted = nnapi_core.convert(module, (torch.randn(1, 64),))
    target = folder / "m.nnapi"
    target.write_bytes(b"the old file")
    constant = type(converted.contents.weights.constants[0])

    def fail(self: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(constant, "slabs", fail)
    with pytest.raises(MemoryError):
        converted.save(target)
    assert target.read_bytes() == b"the old file"
    assert [path.name for path in folder.iterdir() if "m.nnapi" in path.name] == ["m.nnapi"]


def test_state_is_verified_over_calls_and_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models.py:remembers", "-o", "m.nnapi", "--verify"]) == 0
    said = capsys.readouterr()
    assert "kept from one call to the next: latest: float32 [3, 4]" in said.out + said.err
    assert "agrees with torch" in said.out + said.err
    args = (torch.ones(2, 4),)
    session = nnapi_runtime.load("m.nnapi")
    assert not session.state["latest"].any()
    for call in (1, 2, 3, 3):
        assert torch.equal(session(*args), torch.full((2, 4), float(call)))
    assert main(["inspect", "m.nnapi"]) == 0
    assert "state latest: float32 (3, 4)" in capsys.readouterr().out
    assert main(["models.py:remembers", "-o", "m.ptl", "--verify"]) == 0
    assert main(["inspect", "m.ptl"]) == 0
    assert "state latest" in capsys.readouterr().out
    program = torch.export.export(_remembers(folder), args)
    before = program.state_dict["latest"].clone()
    torch.export.save(program, "m.pt2")
    assert main(["m.pt2", "-o", "again.nnapi", "--verify"]) == 0
    assert torch.equal(program.state_dict["latest"], before)
    session = nnapi_runtime.load("again.nnapi")
    assert torch.equal(session(*args), torch.ones(2, 4))


def _remembers(folder: Path) -> nn.Module:
    names: dict[str, Any] = {}
    exec((folder / "models.py").read_text(), names)
    module: nn.Module = names["Remembers"]()
    return module
