"""TorchScript files of old and new torch: converted and right, or refused (tests/data/torchscript/make.py)."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

import nnapi_core
from nnapi_core.graph.export.export_torchscript import read_torchscript

FOLDER = Path(__file__).parents[2] / "data" / "torchscript"
VERSIONS = ("1.13", "2.1", "2.13")

torch.manual_seed(1)
INPUTS: dict[str, list[torch.Tensor]] = {
    "images": [torch.randn(1, 3, 8, 8)],
    "frozen": [torch.randn(1, 3, 8, 8)],
    "row": [torch.randn(2, 4)],
    "branches": [torch.ones(2, 4), -torch.ones(2, 4)],
    "loops": [torch.randn(2, 4)],
    "words": [torch.tensor([[3, 1, 4], [1, 5, 9]])],
}
FILES = [f"{name}_{version}.pt" for name in INPUTS for version in VERSIONS]
FILES += [f"images_{version}.ptl" for version in VERSIONS]


def loaded(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.load(path).eval()


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("level", [29, 30])
def test_files_convert_and_are_right(file: str, level: int) -> None:
    path, examples = FOLDER / file, INPUTS[file.partition("_")[0]]
    program = read_torchscript(str(path), (examples[0],))
    converted = nnapi_core.convert(program, feature_level=level)
    assert "nnapi" in converted.report.stages or level < 30
    module = loaded(path)
    for x in examples:
        with torch.no_grad():
            expected = module(x)
        actual = converted(x)
        assert type(actual) is type(expected)
        torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("version", VERSIONS)
def test_loops_whose_length_the_input_decides_are_refused(version: str) -> None:
    path = FOLDER / f"counted_{version}.pt"
    with pytest.raises(nnapi_core.ConversionError, match=r"prim::Loop.*nn\.Module"):
        read_torchscript(str(path), (torch.zeros(2, 4),))


def test_quantised_files_are_refused(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.nn.Sequential(torch.nn.Linear(4, 3)).eval()
        quantised = torch.ao.quantization.quantize_dynamic(module, {torch.nn.Linear})
        torch.jit.script(quantised).save(str(tmp_path / "quantised.pt"))
    with pytest.raises(nnapi_core.ConversionError, match="quantisation"):
        read_torchscript(str(tmp_path / "quantised.pt"), (torch.zeros(2, 4),))


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "none.pt").write_bytes(b"nothing")
    with pytest.raises(nnapi_core.ConversionError, match="cannot be read as TorchScript"):
        read_torchscript(str(tmp_path / "none.pt"), (torch.zeros(1),))
