"""Hyperbolic functions and their inverses."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.ops.lowering_strategies import check_from, few, floats, levels

FUNCTIONS = [torch.sinh, torch.cosh, torch.asinh, torch.acosh, torch.atanh]
SCALES = st.sampled_from([1.0, 1e-3, 20.0])


@pytest.mark.parametrize("function", FUNCTIONS)
@few
@given(floats(dtypes=[torch.float32]), SCALES, levels, st.booleans())
def test_function(function: Any, x: torch.Tensor, scale: float, level: int, image: bool) -> None:
    if function is torch.atanh:
        x, scale = x / 4.1, min(scale, 1)
    if function is torch.acosh:
        x = x.abs() + 1 / scale
    check_from(29, function, [x * scale], level, image=image, terms=6)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_special_numbers(function: Any) -> None:
    inf = float("inf")
    special = torch.tensor(
        [0.0, 1.0, -1.0, -2.0, 88.9, -88.9, 1e-30, -1e30, 1e30, inf, -inf, inf - inf]
    )
    for x in special:
        check_from(29, function, [x.reshape(1)], 29, terms=6)
