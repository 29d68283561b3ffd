"""What a `.ptl` holds of its results is their type and shape alone, never memory as it happened to lie there."""

from __future__ import annotations

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
