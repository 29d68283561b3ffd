"""Overlapping patches summed into an image, and taken from it."""

from __future__ import annotations

import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.nn import functional

from nnapi_core.testing import Case, check_lowering, feature_levels, tensors

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@given(st.data(), pairs, pairs, st.integers(0, 1), st.integers(1, 2), feature_levels(29))
def test_fold(
    data: st.DataObject,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: int,
    dilation: int,
    level: int,
) -> None:
    size = data.draw(st.tuples(st.integers(3, 7), st.integers(3, 7)))
    windows = [
        (length + 2 * padding - dilation * (taps - 1) - 1) // step + 1
        for length, taps, step in zip(size, kernel, stride, strict=True)
    ]
    assume(min(windows) > 0)
    shape = (2 * kernel[0] * kernel[1], windows[0] * windows[1])
    x = data.draw(tensors(shape=shape if data.draw(st.booleans()) else (2, *shape)))
    outcome = check_lowering(
        Case(
            lambda x: functional.fold(x, size, kernel, dilation, padding, stride),
            (x,),
            level,
            terms=16,
        )
    )
    assert outcome.supported, outcome.reasons


def test_taken_apart_and_put_together() -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        return functional.fold(functional.unfold(x, 2, stride=2), (6, 4), 2, stride=2)

    outcome = check_lowering(Case(function, (torch.randn(1, 3, 6, 4),), terms=4))
    assert outcome.supported, outcome.reasons
