"""Activations made of straight lines."""

from __future__ import annotations

import torch
from hypothesis import given
from torch.nn import functional

from tests.ops.elementwise import Table, right_at_special_numbers, right_from_its_level
from tests.ops.lowering_strategies import check_from, floats, levels

# The oldest level of each.
FUNCTIONS: Table = {
    "hardsigmoid": (27, functional.hardsigmoid),
    "hardswish": (27, functional.hardswish),
    "hardshrink": (29, functional.hardshrink),
    "softshrink": (29, functional.softshrink),
    "softshrink of nothing": (29, lambda x: functional.softshrink(x, 0)),
}


test_function = right_from_its_level(FUNCTIONS)
test_special_numbers = right_at_special_numbers(FUNCTIONS)


@given(floats(), levels)
def test_hardtanh(x: torch.Tensor, level: int) -> None:
    check_from(27, functional.hardtanh, [x], level)
    check_from(29, lambda x: functional.hardtanh(x, -0.5, 2), [x], level)
