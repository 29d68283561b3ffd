"""Clamps."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.ops.lowering_strategies import broadcasting, check_from, floats, integers, levels

NAN = float("nan")

limits = st.sampled_from([None, -3.0, -1, 0, 0.5, 1, 6, float("inf")])


@given(floats(), limits, limits, levels, st.booleans())
def test_clamp(x: torch.Tensor, low: Any, high: Any, level: int, image: bool) -> None:
    if low is None and high is None:
        low = 0
    least = 27 if (low, high) in ((0, None), (0, 6), (-1, 1), (0, float("inf"))) else 29
    x = torch.where(x > 3.5, NAN, x)
    check_from(least, lambda x: x.clamp(low, high), [x], level, image=image)


@given(broadcasting(count=3), levels)
def test_clamp_by_tensors(args: list[torch.Tensor], level: int) -> None:
    check_from(29, lambda x, a, b: (x.clamp(a, b), x.clamp_min(a), x.clamp_max(b)), args, level)


@given(integers(low=-(2**31), high=2**31 - 1), st.sampled_from([0, 5, 2**40]), levels)
def test_integers(x: torch.Tensor, limit: int, level: int) -> None:
    def function(x: torch.Tensor) -> Any:
        return (
            x.clamp(-7, 7),
            x.clamp(max=min(limit, 2**31 - 1)),
            x.clamp(0.5),
            torch.maximum(x, -x),
        )

    check_from(29, function, [x.int()], level)
