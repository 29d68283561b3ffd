"""PyTorch Mobile's benchmark on a device, with a script in adb's place, and on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.mobile.__main__ import COLUMNS, main, row
from benchmarks.mobile.files import Files
from benchmarks.mobile.runners import PLACE, PROGRAM, Device, Here, Runs, TimingError, milliseconds

RUNS = Runs(warmup=2, count=7)
SAID = "Starting benchmark.\nMain run finished. Microseconds per iter: {}. Iters per second: 22.8"

# It writes down what it is asked, and answers as a device does.
ADB = """#!/usr/bin/env python3
import json, sys
from pathlib import Path
here = Path(__file__).parent
with (here / "asked.jsonl").open("a") as file:
    print(json.dumps(sys.argv[1:]), file=file)
arguments = sys.argv[1:]
if arguments[0] == "-s":
    if arguments[1] != "emulator-5554":
        sys.exit("error: device '" + arguments[1] + "' not found")
    arguments = arguments[2:]
if arguments[0] == "shell":
    line = arguments[1]
    if "ro.product.model" in line:
        print("Pixel 3")
    elif "ro.build.version" in line:
        print("12")
    elif line.startswith("test -x"):
        print((here / "has_program").read_text())
    elif "--model=" in line:
        print((here / "answer").read_text())
"""


@pytest.fixture
def adb(tmp_path: Path) -> Path:
    path = tmp_path / "adb"
    path.write_text(ADB)
    path.chmod(0o755)
    (tmp_path / "has_program").write_text("yes")
    (tmp_path / "answer").write_text(SAID.format("43829.2"))
    return path


def asked(adb: Path) -> list[list[str]]:
    return [json.loads(line) for line in (adb.parent / "asked.jsonl").read_text().splitlines()]


def test_the_documented_commands_reach_the_device(adb: Path) -> None:
    device = Device(RUNS, str(adb), "emulator-5554", Path("built") / PROGRAM)
    device.prepare()
    assert device.time(Path("out/m.ptl"), 1) == pytest.approx(43.8292)
    assert device.time(Path("out/m.ptl"), 2) == pytest.approx(43.8292)
    commands = asked(adb)
    assert all(command[:2] == ["-s", "emulator-5554"] for command in commands)
    plain = [command[2:] for command in commands]
    assert ["push", f"built/{PROGRAM}", f"{PLACE}/{PROGRAM}"] in plain
    assert plain.count(["push", "out/m.ptl", f"{PLACE}/m.ptl"]) == 1
    assert plain[-1] == [
        "shell",
        f"{PLACE}/{PROGRAM} --model={PLACE}/m.ptl --use_bundled_input=0 --pthreadpool_size=2 "
        "--warmup=2 --iter=7",
    ]


def test_a_device_says_what_it_is(adb: Path) -> None:
    assert Device(RUNS, str(adb)).name == "Pixel 3, Android 12"


def test_without_the_program_there_is_one_clear_error(adb: Path) -> None:
    (adb.parent / "has_program").write_text("no")
    with pytest.raises(TimingError, match="give it with --program"):
        Device(RUNS, str(adb)).prepare()


@pytest.mark.parametrize(
    "name, serial, message",
    [("adb", "other", "device 'other' not found"), ("none", None, "No such file")],
)
def test_a_device_that_is_not_there(
    name: str, serial: str | None, message: str, adb: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--adb", str(adb.with_name(name)), *(["--serial", serial] if serial else [])]
    assert main(options) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "number, expected", [("43829.2", 43.8292), ("850", 0.85), ("1.5e+06", 1500.0)]
)
def test_times_are_read(number: str, expected: float) -> None:
    assert milliseconds(SAID.format(number)) == pytest.approx(expected)


@pytest.mark.parametrize("output", ["", "abort: no NNAPI here", SAID.format("fast")])
def test_no_time_is_an_error_with_its_reason(output: str) -> None:
    with pytest.raises(TimingError, match=r"no NNAPI here|nothing|Iters per second"):
        milliseconds(output)


def test_a_row_says_what_could_not_be_timed(adb: Path) -> None:
    (adb.parent / "answer").write_text("terminating: unknown operator")
    files = Files("mobilenetv2", "none", Path("m.ptl"), "no such file")
    line = row(files, Device(RUNS, str(adb)), (COLUMNS[0], ("NNAPI", "nnapi", 1)))
    assert "| – | – |" in line
    assert "CPU, 1 thread: terminating: unknown operator" in line
    assert "NNAPI: no such file" in line


def test_a_file_is_timed_here(tmp_path: Path) -> None:
    """A stock artifact of one linear layer, through PyTorch Mobile's interpreter and the host runtime."""
    import torch

    import nnapi_core
    from benchmarks.mobile.files import _write

    example = torch.randn(1, 8)
    converted = nnapi_core.convert(torch.nn.Linear(8, 4).eval(), (example,), feature_level=29)
    converted.save(tmp_path / "m.pt")
    _write(torch.jit.load(str(tmp_path / "m.pt")), example, tmp_path / "m.ptl")
    assert 0 < Here(RUNS).time(tmp_path / "m.ptl", 1) < 1000
    (tmp_path / "m.ptl").write_bytes(b"no archive")
    with pytest.raises(TimingError):
        Here(RUNS).time(tmp_path / "m.ptl", 1)
