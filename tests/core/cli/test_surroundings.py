"""Where the machine, the terminal or the user's files are not what one hopes: one clear error, or it works."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import nnapi_core
from nnapi_core.artifact.printable import printable
from nnapi_core.cli import main

MODEL = """
import json
import torch
from torch import nn
import beside

def small():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU()), (torch.randn(2, 4),)

def odd():
    class Odd(nn.Module):
        def forward(self, x):
            return torch.special.i0(x)
    return Odd(), (torch.randn(2, 4),)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models.py").write_text(MODEL)
    (tmp_path / "beside.py").write_text("HERE = True\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def command(*words: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, **options.pop("env", {})}  # type: ignore[dict-item]
    return subprocess.run(
        [sys.executable, "-m", "nnapi_core.cli", *words],
        env=environment,
        stderr=subprocess.PIPE,
        check=False,
        **{"stdout": subprocess.PIPE, **options},  # type: ignore[call-overload]
    )


def refused(capsys: pytest.CaptureFixture[str], *words: str, said: str) -> None:
    assert main(words) == 1
    error = capsys.readouterr().err
    assert error.startswith("nnapi-convert: ")
    assert said in error
    assert "Traceback" not in error


PLACES = {
    "no/m": "the folder does not exist",
    "n" * 300: "too long",
    "a\0b": "null byte",
    "a\ud800b": "surrogates",
    "models.py/m": "Not a directory",
}


@pytest.mark.parametrize("place", PLACES, ids=ascii)
def test_where_nothing_can_be_written(
    place: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = PLACES[place]
    model = "models.py:small"
    refused(capsys, model, "-o", f"{place}.nnapi", said=said)
    refused(capsys, model, "-o", "m.nnapi", "--report", f"{place}.json", said=said)
    refused(capsys, "explain", model, "--report", f"{place}.html", said=said)
    assert not (folder / "m.nnapi").exists()
    assert main([model, "-o", "m.nnapi"]) == 0
    refused(capsys, "inspect", "m.nnapi", "--report", f"{place}.json", said=said)
    refused(capsys, "inspect", "m.nnapi", "--graph", f"{place}.json", said=said)
    bench = ("bench", "m.nnapi", "--runs", "1")
    refused(capsys, *bench, "--report", f"{place}.json", said=said)
    refused(capsys, *bench, "--picture", f"{place}.svg", said=said)
    missing = said if said == "too long" else "no such file"
    for name in ("inspect", "bench"):
        refused(capsys, name, f"{place}.nnapi", said=missing)
    refused(capsys, f"{place}.pt2", "-o", "m.nnapi", said=missing)
    refused(capsys, f"{place}.py:small", "-o", "m.nnapi", said=missing)


HUGE = {
    "99999999999999999999999": 2,
    "9" * 5000: 2,
    "1x" * 70 + "1": 2,
    "100000x100000x100000": 1,
    "4294967295x4294967295": 1,
    "4294967296": 2,
    "100000x1000000:bool": 1,
}


@pytest.mark.parametrize("shape", HUGE, ids=lambda one: one[:30])
def test_huge_inputs(shape: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["models.py:small", "-o", "m.nnapi", "--input", shape]
    if HUGE[shape] == 1:
        refused(capsys, *words, said="--input")
        return
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert "argument --input" in error
    assert len(error) < 4000


@pytest.mark.parametrize("name", ["--runs", "--warmup", "--threads"])
def test_huge_counts(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["bench", "m.nnapi", name, "9" * 30])
    assert f"argument {name}" in capsys.readouterr().err


def test_an_ascii_terminal(folder: Path) -> None:
    plain = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    for words in (
        ["--help"],
        ["explain", "models.py:odd"],
        ["models.py:small", "-o", "m.nnapi"],
        ["inspect", "m.nnapi"],
    ):
        done = command(*words, env=plain)
        assert done.returncode == 0, done.stderr
        assert b"Traceback" not in done.stderr
        done.stdout.decode("ascii")
    assert b" -> TENSOR_FLOAT32" in done.stdout


def test_output_that_nobody_takes(folder: Path) -> None:
    assert main(["models.py:small", "-o", "m.nnapi"]) == 0
    with open("/dev/full", "wb") as full:
        done = command("inspect", "m.nnapi", stdout=full)
    assert done.returncode == 1
    assert done.stderr == b"nnapi-convert: standard output: No space left on device\n"
    reader, writer = os.pipe()
    os.close(reader)
    done = command("inspect", "m.nnapi", stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")
    words = f"{sys.executable} -m nnapi_core.cli inspect m.nnapi >&-"
    done = subprocess.run(["sh", "-c", words], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_users_file_takes_no_modules_place(folder: Path) -> None:
    """Neither beside the model, nor as the file that holds it."""
    names = "json", "torch", "numpy", "typing", "attrs"
    for name in names:
        (folder / f"{name}.py").write_text("raise RuntimeError('the wrong module')\n")
    done = command("explain", str(folder / "models.py") + ":small", cwd="/")
    assert done.returncode == 0, done.stderr.decode()
    done = command("explain", "models:small", env={"PYTHONSAFEPATH": "1"})
    assert done.returncode == 0, done.stderr.decode()
    for name in names:
        (folder / f"{name}.py").write_text(MODEL)
    for name in ("json", "torch"):
        done = command("explain", str(folder / f"{name}.py") + ":small", cwd="/")
        assert done.returncode == 0, done.stderr.decode()


def test_a_model_that_ends_the_program(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "ends.py").write_text("def model():\n    raise SystemExit(0)\n")
    (folder / "ends_at_once.py").write_text("raise SystemExit(0)\n")
    refused(capsys, "ends.py:model", "-o", "m.nnapi", said="raised SystemExit")
    refused(capsys, "ends_at_once.py:model", "-o", "m.nnapi", said="cannot be imported")


ESCAPES = "\x1b]0;title\x07\x1b[2J\x9b31m\u202e\x00\r"


def test_what_moves_a_cursor_is_spelt_out() -> None:
    assert printable("a\x1b[31mé→\n\t\x9b\u2028") == r"a\x1b[31mé→\x0a\x09\x9b\u2028"
    assert printable("a\n\x1b", keep="\n") == "a\n\\x1b"


def test_names_of_a_file_are_no_commands_of_the_terminal(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    converted = nnapi_core.convert(nn.Linear(4, 3).eval(), (torch.ones(1, 4),))
    manifest = converted.contents.manifest
    for stage in manifest["stages"]:
        for operation in stage["operations"]:
            operation.update(dict.fromkeys(operation, f"{ESCAPES}\nforged line"))
    converted.save("m.nnapi")
    assert main(["inspect", "m.nnapi", "--report", "m.html", "--graph", "m.json"]) == 0
    said = capsys.readouterr().out
    assert not set(said) & {one for one in ESCAPES if not one.isprintable()}
    assert "\\x1b" in said
    assert not any(line.startswith("forged") for line in said.splitlines())


def test_a_model_that_is_named_with_escapes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(capsys, f"{ESCAPES}.pt2", "-o", "m.nnapi", said="\\x1b")
    assert main(["explain", "models.py:odd"]) == 0
    assert "\x1b" not in capsys.readouterr().out
