"""Activations that are smooth."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from tests.ops.drawing import check_from, few, floats, levels

# The oldest level of each.
FUNCTIONS = {
    "silu": (27, functional.silu),
    "tanhshrink": (28, functional.tanhshrink),
    "softsign": (28, functional.softsign),
    "elu": (28, functional.elu),
    "elu_scaled": (28, lambda x: functional.elu(x, 0.5)),
    "selu": (28, functional.selu),
    "celu": (28, lambda x: functional.celu(x, 2.0)),
    "celu_1": (28, functional.celu),
    "mish": (29, functional.mish),
    "softplus": (29, functional.softplus),
    "softplus_sharp": (29, lambda x: functional.softplus(x, 2, 5)),
    "logsigmoid": (29, functional.logsigmoid),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@few
@given(floats(), st.sampled_from([1.0, 1e-2, 10.0]), levels, st.booleans())
def test_function(name: str, x: torch.Tensor, scale: float, level: int, image: bool) -> None:
    """Small arguments and large ones: none of these may cancel or overflow."""
    least, function = FUNCTIONS[name]
    x = x * scale
    check_from(least, function, [x], level, image=image, magnitude=float(x.abs().max()))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_numbers(name: str) -> None:
    x = torch.tensor([0.0, 80.0, -80.0, -20.0, 20.0, float("nan")])
    for level in (29, 30):
        for one in x:
            check_from(29, FUNCTIONS[name][1], [one.reshape(1)], level)


@given(floats(min_rank=1, max_side=6), st.integers(0, 4), levels, st.booleans())
def test_glu(x: torch.Tensor, dim: int, level: int, image: bool) -> None:
    dim %= x.dim()
    x = torch.cat([x, x.flip(dim)], dim)

    def function(x: torch.Tensor) -> Any:
        return functional.glu(x, dim)

    check_from(28, function, [x], level, image=image)
