"""Tests of tables of elementwise functions: the oldest level of each, and the function."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.ops.lowering_strategies import check_from, few, floats, levels

Table = Mapping[str, tuple[int, Callable[[torch.Tensor], torch.Tensor]]]


def right_from_its_level(table: Table) -> Callable[..., None]:
    """The test that each function is right from its oldest level on."""

    @pytest.mark.parametrize("name", table)
    @few
    @given(floats(), st.sampled_from([1.0, 1e-2, 10.0]), levels, st.booleans())
    def test(name: str, x: torch.Tensor, scale: float, level: int, image: bool) -> None:
        """Small arguments and large ones: none of these may cancel or overflow."""
        least, function = table[name]
        x = x * scale
        check_from(least, function, [x], level, image=image, magnitude=float(x.abs().max()))

    return test


def right_at_special_numbers(table: Table) -> Callable[..., None]:
    """The test that each function is right where others saturate, and that a NaN stays one."""

    @pytest.mark.parametrize("name", table)
    def test(name: str) -> None:
        for number in (0.0, 1.0, -1.0, 20.0, -20.0, 80.0, -80.0, float("nan")):
            for level in (29, 30):
                check_from(29, table[name][1], [torch.tensor([number])], level)

    return test
