"""The logistic function, the hyperbolic tangent, and what is made of them."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from tests.ops.elementwise import Table, right_at_special_numbers, right_from_its_level
from tests.ops.lowering_strategies import check_from, floats, levels

# The oldest level of each.
FUNCTIONS: Table = {
    "sigmoid": (27, torch.sigmoid),
    "expit": (27, torch.special.expit),
    "tanh": (27, torch.tanh),
    "silu": (27, functional.silu),
    "tanhshrink": (28, functional.tanhshrink),
}


test_function = right_from_its_level(FUNCTIONS)
test_special_numbers = right_at_special_numbers(FUNCTIONS)


@given(floats(min_rank=1, max_side=6), st.integers(0, 4), levels, st.booleans())
def test_glu(x: torch.Tensor, dim: int, level: int, image: bool) -> None:
    dim %= x.dim()
    x = torch.cat([x, x.flip(dim)], dim)

    def function(x: torch.Tensor) -> Any:
        return functional.glu(x, dim)

    check_from(28, function, [x], level, image=image)
