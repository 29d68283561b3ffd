"""Rectifiers."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from tests.ops.elementwise import Table, right_at_special_numbers, right_from_its_level
from tests.ops.lowering_strategies import check_from, floats, levels

# The oldest level of each.
FUNCTIONS: Table = {
    "relu": (27, functional.relu),
    "relu6": (27, functional.relu6),
    "leaky_relu": (27, functional.leaky_relu),
    "leaky_relu steep": (27, lambda x: functional.leaky_relu(x, -2)),
    "rrelu": (27, lambda x: functional.rrelu(x, 0.2, 0.4)),
    "threshold at 0": (27, lambda x: functional.threshold(x, 0, 0)),
    "threshold": (29, lambda x: functional.threshold(x, 0.5, 20)),
}


test_function = right_from_its_level(FUNCTIONS)
test_special_numbers = right_at_special_numbers(FUNCTIONS)


@given(floats(min_rank=1, max_rank=4), st.booleans(), levels, st.booleans())
def test_prelu(x: torch.Tensor, one: bool, level: int, image: bool) -> None:
    count = 1 if one or x.dim() == 1 else x.shape[1]
    module = torch.nn.PReLU(count).to(x.dtype)
    module.weight.data = torch.linspace(-0.5, 2, count).to(x.dtype)
    check_from(27, module, [x], level, image=image and x.dim() == 4)


@given(floats(min_rank=2, max_rank=4, dtypes=[torch.float32]), levels)
def test_prelu_with_a_computed_slope(x: torch.Tensor, level: int) -> None:
    slopes = torch.linspace(-0.5, 2, x.shape[1])
    check_from(27, functional.prelu, [x, slopes], level)
