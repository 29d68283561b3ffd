"""Thresholds as the next number, which compares the other way."""

from __future__ import annotations

import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.detection.boxes import above, below


@given(st.floats(0.0, 1.0))
def test_the_next_numbers_compare_as_torch_does(threshold: float) -> None:
    least, most = above(threshold), below(threshold)
    for number in (threshold, least, most, math.nextafter(threshold, 1.0)):
        there = torch.tensor(number)
        assert bool(there >= least) == (float(there) > threshold)
        assert bool(there > most) == bool(there >= torch.tensor(threshold))
