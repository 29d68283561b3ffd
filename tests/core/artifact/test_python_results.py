"""Numbers that a model returns beside its tensors: exactly those, in the session and in every file."""

from __future__ import annotations

import ctypes
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import nnapi_runtime
from nnapi_core.conversion.convert import convert
from nnapi_core.errors import ConversionError

NUMBERS = (0.1, math.pi, 1e300, 5e-324, -0.0, float("inf"), 3, -(2**63), 2**53 + 1, True, False)


class Returning(nn.Module):
    def __init__(self, *numbers: Any) -> None:
        super().__init__()
        self.numbers = numbers

    def forward(self, x: torch.Tensor) -> Any:
        return (x + 1, *self.numbers)


def same(actual: Any) -> None:
    assert [type(one) for one in actual[1:]] == [type(one) for one in NUMBERS]
    assert [repr(one) for one in actual[1:]] == [repr(one) for one in NUMBERS]


@pytest.mark.parametrize("suffix", [".nnapi", ".ptl", ".pt"])
def test_numbers_are_exact(suffix: str, tmp_path: Path) -> None:
    x = torch.randn(2)
    converted = convert(Returning(*NUMBERS), (x,))
    same(converted(x))
    path = tmp_path / f"numbers{suffix}"
    converted.save(path)
    if suffix == ".nnapi":
        same(nnapi_runtime.load(path)(x))
        return
    ctypes.CDLL(str(nnapi_runtime.host_library()), mode=ctypes.RTLD_GLOBAL)
    same(torch.jit.load(str(path))(x))


def test_a_number_that_no_file_holds_is_refused() -> None:
    with pytest.raises(ConversionError, match="64 bits"):
        convert(Returning(2**63), (torch.zeros(1),))
