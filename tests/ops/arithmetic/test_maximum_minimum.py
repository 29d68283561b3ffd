"""Elementwise extremes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.ops.lowering_strategies import broadcasting, check_from, few, levels

NAN = float("nan")


@pytest.mark.parametrize("function", [torch.maximum, torch.minimum, torch.fmax, torch.fmin])
@few
@given(broadcasting(), levels, st.booleans())
def test_of_two(function: Any, args: list[torch.Tensor], level: int, image: bool) -> None:
    args[0] = torch.where(args[0] > 3, NAN, args[0])
    check_from(29, function, args, level, image=image)
