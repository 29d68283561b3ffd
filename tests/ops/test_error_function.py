"""The error function and GELU, within the stated bound."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from nnapi_ops.error_function import ERROR
from tests.ops.drawing import check_from, few, floats, levels


@pytest.mark.parametrize("function", [torch.erf, torch.erfc, torch.special.erf])
@few
@given(floats(), levels, st.booleans())
def test_error_function(function: object, x: torch.Tensor, level: int, image: bool) -> None:
    check_from(27, function, [x], level, image=image, bound=ERROR)


@given(floats(), st.sampled_from(["none", "tanh"]), levels, st.booleans())
def test_gelu(x: torch.Tensor, approximate: str, level: int, image: bool) -> None:
    bound = ERROR * max(1.0, float(x.abs().max()))

    def function(x: torch.Tensor) -> torch.Tensor:
        return functional.gelu(x, approximate=approximate)

    check_from(27, function, [x], level, image=image, bound=bound)


def test_bound_holds_everywhere() -> None:
    x = torch.linspace(-12, 12, 40001)
    check_from(29, torch.erf, [x], 29, bound=ERROR)
    check_from(29, torch.erfc, [x], 29, bound=ERROR)
    for part in x.split(400):
        bound = ERROR * max(1.0, float(part.abs().max()))
        check_from(29, functional.gelu, [part], 29, bound=bound)
