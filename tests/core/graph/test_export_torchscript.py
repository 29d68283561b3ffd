"""TorchScript files of old and new torch: converted and right, or refused (tests/data/torchscript/make.py)."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import nnapi_core
from nnapi_core.graph.export.export_module import export
from nnapi_core.graph.export.export_torchscript import load_torchscript
from tests.core.graph.scripted_modules import Asking, Counting, Growing, Listener, Sized, Writing

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
    program = export(load_torchscript(str(path)), (examples[0],))
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
    with pytest.raises(nnapi_core.ConversionError, match=r"make\.py:68: while rounds.*nn\.Module"):
        export(load_torchscript(str(path)), (torch.zeros(2, 4),))


def test_quantised_files_are_refused(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.nn.Sequential(torch.nn.Linear(4, 3)).eval()
        quantised = torch.ao.quantization.quantize_dynamic(module, {torch.nn.Linear})
        torch.jit.script(quantised).save(str(tmp_path / "quantised.pt"))
    with pytest.raises(nnapi_core.ConversionError, match="quantisation"):
        export(load_torchscript(str(tmp_path / "quantised.pt")), (torch.zeros(2, 4),))


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "none.pt").write_bytes(b"nothing")
    with pytest.raises(nnapi_core.ConversionError, match="cannot be read as TorchScript"):
        export(load_torchscript(str(tmp_path / "none.pt")), (torch.zeros(1),))


class Layers(torch.nn.Module):
    """Every kind of layer that takes a batch norm."""

    def __init__(self) -> None:
        super().__init__()
        nn = torch.nn
        self.images = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Conv2d(8, 8, 3, groups=8, dilation=2), nn.BatchNorm2d(8), nn.ReLU6(),
            nn.ConvTranspose2d(8, 4, 2, 2), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(4, 5), nn.BatchNorm1d(5),
        )  # fmt: skip
        self.rows = nn.Sequential(nn.Conv1d(2, 3, 3, stride=2), nn.BatchNorm1d(3))
        for one in self.modules():
            if isinstance(one, nn.modules.batchnorm._BatchNorm):
                one.running_mean.normal_()
                one.running_var.uniform_(0.5, 2)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.images(x), self.rows(y)


def _traced(module: torch.nn.Module, args: Any) -> Any:
    return torch.jit.trace(module, args)


def _scripted(module: torch.nn.Module, args: Any) -> Any:
    return torch.jit.script(module)


def _frozen(module: torch.nn.Module, args: Any) -> Any:
    return torch.jit.freeze(torch.jit.trace(module, args), optimize_numerics=False)


def _decomposed(module: torch.nn.Module, args: Any) -> Any:
    exported = torch.export.export(module, args, strict=False)
    every = torch.export.default_decompositions()
    layers = ("conv", "batch_norm")
    return exported.run_decompositions(
        {one: every[one] for one in every if any(name in str(one) for name in layers)}
    )


@pytest.mark.parametrize("form", [_traced, _scripted, _frozen, _decomposed])
def test_layers_have_the_operations_of_the_module(form: Any) -> None:
    module = Layers().eval()
    args = (torch.randn(2, 3, 9, 9), torch.randn(2, 2, 9))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = form(module, args)
    expected = nnapi_core.convert(module, args, fallback="error")
    converted = nnapi_core.convert(given, args, fallback="error")
    assert converted.report.operations == expected.report.operations
    with torch.no_grad():
        torch.testing.assert_close(converted(*args), module(*args), rtol=1e-4, atol=1e-4)


@settings(max_examples=5)
@given(st.sampled_from([8, 16]), st.sampled_from([0.0, 0.5]), st.integers(0, 99))
def test_a_state_in_attributes_is_kept(rate: int, start: float, seed: int) -> None:
    torch.manual_seed(seed)
    module = torch.jit.script(Listener(start).eval())
    inputs = [torch.randn(1, 6 if rate == 16 else 4) for _ in range(4)]
    converted = nnapi_core.convert(module, (inputs[0], rate), fallback="error")
    # The module that was given has not run.
    assert module.rate == 0 and module.last.shape == (0,)
    for x in inputs:
        with torch.no_grad():
            torch.testing.assert_close(converted(x, rate), module(x, rate), rtol=1e-4, atol=1e-5)


@settings(max_examples=5)
@given(st.sampled_from([27, 29]), st.integers(0, 99))
def test_a_state_written_in_place_begins_as_it_was(level: int, seed: int) -> None:
    """Reading the script runs it: what that writes is no beginning."""
    generator = torch.Generator().manual_seed(seed)
    module = torch.jit.script(Writing().eval())
    inputs = [torch.randn(2, 3, generator=generator) for _ in range(3)]
    converted = nnapi_core.convert(module, (inputs[0],), feature_level=level)
    for x in inputs:
        with torch.no_grad():
            torch.testing.assert_close(converted(x), module(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Counting, r"scripted_modules\.py:\d+: self\.calls = self\.calls \+ 1\)"),
        (Growing, "'kept' has the shape"),
        (Asking, r"scripted_modules\.py:\d+: return x\[: int\(x\.sum\(\)\)\]\)"),
    ],
)
def test_statements_that_cannot_be_read_are_named(kind: Any, said: str) -> None:
    module = torch.jit.script(kind().eval())
    with pytest.raises(nnapi_core.ConversionError, match=said):
        nnapi_core.convert(module, (torch.ones(1, 2),))


def test_free_sizes_and_arguments_by_name() -> None:
    module = torch.jit.script(Sized().eval())
    x = torch.randn(1, 3, 8, 8)
    converted = nnapi_core.convert(module, (), {"x": x}, fallback="error")
    torch.testing.assert_close(converted(x=x), module(x), rtol=1e-4, atol=1e-5)
    height = torch.export.Dim("height", min=4, max=20)
    converted = nnapi_core.convert(module, (x,), dynamic_shapes=({2: height},), fallback="error")
    for size in (4, 8, 20):
        x = torch.randn(1, 3, size, 8)
        torch.testing.assert_close(converted(x), module(x), rtol=1e-4, atol=1e-5)


def test_reports_name_the_lines_of_the_script() -> None:
    module = torch.jit.script(Listener(0.0).eval())
    converted = nnapi_core.convert(module, (torch.randn(1, 6), 16))
    rows = [row for row in converted.report.nodes if row.target == "aten.linear.default"]
    assert rows
    assert [row.source for row in rows if "nn/modules/linear.py" not in row.source] == []
    joined = next(row for row in converted.report.nodes if row.target == "aten.cat.default")
    assert "scripted_modules.py" in joined.source
