"""Views by strides of memory."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.testing import Case, check_lowering, feature_levels


@given(st.data(), st.sampled_from(["whole", "transposed", "cut"]), feature_levels(29))
def test_as_strided(data: st.DataObject, form: str, level: int) -> None:
    size = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    stride = data.draw(st.lists(st.integers(0, 5), min_size=len(size), max_size=len(size)))
    start = data.draw(st.none() | st.integers(0, 6))

    def function(x: torch.Tensor) -> torch.Tensor:
        x = x * 2
        if form == "transposed":
            x = x.transpose(0, 1)
        if form == "cut":
            x = x[1:]
        return x.as_strided(size, stride, start)

    outcome = check_lowering(Case(function, (torch.randn(3, 4, 5),), level))
    if form != "cut":
        assert outcome.supported, outcome.reasons


def test_overlapping_frames_at_every_level() -> None:
    frames = Case(lambda x: (x + 1).as_strided((6, 10), (5, 1)), (torch.randn(35),), 28)
    outcome = check_lowering(frames)
    assert outcome.supported, outcome.reasons


def test_memory_of_another_tensor_is_refused() -> None:
    outcome = check_lowering(
        Case(lambda x: (x + 1)[1:].as_strided((3,), (1,), 0), (torch.randn(2, 3),))
    )
    assert not outcome.supported
