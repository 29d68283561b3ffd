"""What the command prints speaks of options, not of Python's arguments."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnapi_core.cli import main
from nnapi_core.cli.print_text import complain

MODEL = """
import torch

def small():
    return torch.nn.Linear(4, 3), (torch.randn(2, 4),)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "said", "unsaid"),
    [
        (["--quantized-io"], "leave --quantized-io out", "quantized_io"),
        (["--sizes", "a=1"], "name them with --dynamic", "dynamic_shapes"),
    ],
)
def test_errors_speak_of_options(
    words: list[str], said: str, unsaid: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models.py:small", "-o", "m.nnapi", *words]) == 1
    error = capsys.readouterr().err
    assert said in error and unsaid not in error


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("the kernel is free; give a list of sizes= to make one model for each of them",
         "the kernel is free; give --sizes NAME=N,... for each of them to make one model"),
        ("give target_snr=, or metric= and at_least=, not both",
         "give --target-snr, or --metric and --at-least, not both"),
        ("save it as .nnapi, or quantise with nnapi_core.quantize(..., per_channel=False)",
         "save it as .nnapi, or quantise with nnapi-convert quantize --scheme uint8-per-tensor"),
        ("m.pt2 has no free sizes: export it with dynamic_shapes=", ""),
        ("a file of sizes=3 and geometric=2", ""),
    ],
)  # fmt: skip
def test_options_in_the_place_of_arguments(
    text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    complain(text)
    assert capsys.readouterr().err == f"nnapi-convert: {said or text}\n"
