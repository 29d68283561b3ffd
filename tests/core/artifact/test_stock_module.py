"""What a `.ptl` holds beside the model is the same always: of results type and shape, of classes names of their own."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core import convert, quantize
from nnapi_core.testing import shapes


def templates(path: Path) -> list[torch.Tensor]:
    stages = torch.jit.load(path).children()  # type: ignore[no-untyped-call]
    return [one for stage in stages if hasattr(stage, "templates") for one in stage.templates]


@given(shape=shapes(min_rank=1, max_rank=4), quantised=st.booleans())
def test_templates_are_zeros(
    tmp_path_factory: pytest.TempPathFactory, shape: tuple[int, ...], quantised: bool
) -> None:
    args = (torch.ones(shape),)
    module = torch.nn.Sequential(torch.nn.ReLU()).eval()
    program = quantize(module, [args]) if quantised else module
    converted = convert(program, args, quantized_io=quantised)
    path = tmp_path_factory.mktemp("templates") / "model.ptl"
    # New memory is then filled with what is no zero.
    torch.use_deterministic_algorithms(True)
    try:
        converted.save(path)
    finally:
        torch.use_deterministic_algorithms(False)
    found = templates(path)
    assert found
    for one in found:
        integers = one.int_repr() if one.is_quantized else one
        assert not integers.any()


def test_classes_are_not_named_by_our_files(tmp_path: Path) -> None:
    """A file is the same wherever our classes stand, but for numbers that torch gives classes of one name."""

    class Mixed(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = torch.fft.rfft(x.softmax(1).tanh().sigmoid()).abs()
            return x.softmax(1).tanh().sigmoid()

    args = (torch.ones(4, 8),)
    batch = torch.export.Dim("batch", max=9)
    for name, sizes in (("fixed", None), ("free", {"x": {0: batch}})):
        convert(Mixed().eval(), args, dynamic_shapes=sizes).save(tmp_path / f"{name}.ptl")
        with zipfile.ZipFile(tmp_path / f"{name}.ptl") as file:
            places = [one.partition("/code/")[2] for one in file.namelist() if one.endswith(".py")]
        assert places
        ours = ("__torch__/torch_nnapi.py", "__torch__/torch_nnapi/___torch_mangle_")
        assert all(one.startswith((*ours, "__torch__/torch/")) for one in places)
