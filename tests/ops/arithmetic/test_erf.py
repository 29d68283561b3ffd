"""The error function, within the stated bound."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from nnapi_ops.arithmetic.erf import ERROR
from tests.ops.lowering_strategies import check_from, few, floats, levels


@pytest.mark.parametrize("function", [torch.erf, torch.erfc, torch.special.erf])
@few
@given(floats(), levels, st.booleans())
def test_error_function(function: object, x: torch.Tensor, level: int, image: bool) -> None:
    check_from(27, function, [x], level, image=image, bound=ERROR)


def test_bound_holds_everywhere() -> None:
    x = torch.linspace(-12, 12, 40001)
    check_from(29, torch.erf, [x], 29, bound=ERROR)
    check_from(29, torch.erfc, [x], 29, bound=ERROR)
    for part in x.split(400):
        bound = ERROR * max(1.0, float(part.abs().max()))
        check_from(29, functional.gelu, [part], 29, bound=bound)
