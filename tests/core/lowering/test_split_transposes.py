"""Permutations of any rank as transposes of at most four dimensions; broadcasting above rank 4."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.conversion.convert import convert
from nnapi_core.lowering.merge_dimensions import (
    merged_runs,
    merged_shape,
    repetitions,
    stored_alike,
)
from nnapi_core.lowering.split_transposes import transposes

sides = st.integers(1, 3)


@given(st.data(), st.lists(sides, max_size=8))
def test_steps_make_the_permutation(data: Any, shape: list[int]) -> None:
    permutation = data.draw(st.permutations(range(len(shape))))
    x = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    moved = x
    steps = transposes(shape, permutation)
    for step in steps:
        assert len(step.shape) <= 4
        moved = moved.reshape(step.shape).transpose(step.permutation)
    expected = x.transpose(permutation)
    np.testing.assert_array_equal(moved.reshape(expected.shape), expected)
    assert len(steps) <= 3


@given(st.data(), st.lists(sides, min_size=5, max_size=7))
def test_merged_operands_broadcast_to_the_merged_result(data: Any, shape: list[int]) -> None:
    operands = [
        [size if data.draw(st.booleans()) else 1 for size in shape[data.draw(st.integers(0, 3)) :]]
        for _ in range(2)
    ]
    out = np.broadcast_shapes(*operands, (1,) * len(shape))
    x, y = (np.arange(np.prod(one, dtype=int)).reshape(one) for one in operands)
    for step in repetitions(operands, out):
        alone = ((1,) * len(out) + tuple(operands[step.operand]))[-len(out) :]
        assert all(size == 1 for size in alone[step.start : step.end])
        operands[step.operand] = list(step.of(alone, out))
    x, y = (np.broadcast_to(one, shape) for one, shape in zip((x, y), operands, strict=True))
    runs = merged_runs(operands, out)
    a, b = (one.reshape(merged_shape(one.shape, runs, len(out))) for one in (x, y))
    assert a.ndim == b.ndim <= 4
    np.testing.assert_array_equal((a + b).reshape(out), (x + y).reshape(out))
    if stored_alike(operands, out):
        merged = len(out) - 3
        lead = [np.prod(((1,) * len(out) + tuple(one))[-len(out) :][:merged]) for one in operands]
        assert all(size in (1, np.prod(out[:merged])) for size in lead)


class Normalised(torch.nn.Module):
    """What comes before the first convolution is computed in the convolution's order."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv((x - 0.5) * 2.0)


@pytest.mark.parametrize("level", [27, 29])
def test_an_image_enters_in_the_order_of_what_it_leads_to(level: int) -> None:
    converted = convert(
        Normalised().eval(), (torch.randn(1, 3, 8, 8),), feature_level=level, fallback="error"
    )
    assert converted.report.transposes == 0
