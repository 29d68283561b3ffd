"""On a terminal: progress on stderr and a summary set out for the eye. In a pipe: plain text, and silence on stderr."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from nnapi_core.cli.report_terminal import show
from nnapi_core.conversion.convert import convert

MODEL = """
import torch

class Model(torch.nn.Module):
    def forward(self, x):
        for _ in range(40):
            x = torch.relu(x) + 1
        return torch.special.i0(x)

def model():
    return Model(), (torch.zeros(2, 3),)
"""

COMMAND = [sys.executable, "-m", "nnapi_core.cli", "models.py:model", "-o", "m.nnapi", "--verify"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models.py").write_text(MODEL)
    return tmp_path


def environment() -> dict[str, str]:
    return {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "PYTHONWARNINGS": "ignore"}


def test_a_pipe_gets_plain_text_and_no_progress(folder: Path) -> None:
    done = subprocess.run(
        COMMAND, cwd=folder, env=environment(), capture_output=True, text=True, check=True
    )
    assert "converting" not in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "on the CPU: i0 (aten.i0.default) at" in done.stdout
    assert "agrees with torch" in done.stdout


def test_a_terminal_gets_both(folder: Path) -> None:
    pytest.importorskip("rich", reason="rich is not installed: terminals get plain text")
    mine, theirs = pty.openpty()
    process = subprocess.Popen(
        COMMAND, cwd=folder, env=environment(), stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    said = b""
    while True:
        try:
            part = os.read(mine, 65536)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        said += part
    os.close(mine)
    assert process.wait(60) == 0
    text = said.decode()
    assert "converting" in text
    assert "comparing with torch" in text
    assert "\x1b[" in text
    assert "on NNAPI" in text
    assert "no plugin lowers" in text
    assert "agrees with torch" in text


class Brackets(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.special.i0(x) + torch.special.i0(x + 1)


def test_reasons_are_grouped_and_brackets_are_kept() -> None:
    console = pytest.importorskip("rich.console", reason="rich is not installed")
    report = convert(Brackets(), (torch.zeros(2),)).report
    report.notes.append("a note [bold]with[/] brackets")
    out = io.StringIO()
    show(console.Console(file=out, width=160), report)
    said = out.getvalue()
    assert "[bold]with[/]" in said
    (line,) = [line for line in said.splitlines() if "aten.i0.default" in line]
    assert line.split()[0] == "2"
    assert f"{Path(__file__).name}:" in line
