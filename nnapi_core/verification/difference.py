"""How far two results are from one another."""

from __future__ import annotations

from typing import Any

import torch
from attrs import frozen


@frozen
class Difference:
    """The largest difference of any element, and that over the largest value that was expected."""

    max_abs: float
    relative: float


NONE = Difference(0.0, 0.0)
WHOLLY = Difference(float("inf"), float("inf"))


def difference(actual: Any, expected: Any, *, steps: int = 0) -> Difference:
    """Of tensors, or of Python values.

    ``steps``: integers that stand for numbers, in which so many steps of rounding are no error.
    """
    if not torch.is_tensor(expected):
        return NONE if actual == expected else WHOLLY
    if (
        not torch.is_tensor(actual)
        or actual.shape != expected.shape
        or actual.dtype != expected.dtype
    ):
        return WHOLLY
    a, b = actual.double(), expected.double()
    same = (a == b) | (a.isnan() & b.isnan())
    away = torch.where(same, 0.0, (a - b).abs()).nan_to_num(nan=float("inf"))
    worst = float(away.max()) if away.numel() else 0.0
    if steps:
        # The integers of a type of 8 bits: their range is what an error is measured by.
        return Difference(worst, max(0.0, worst - steps) / 255)
    finite = b[b.isfinite()]
    largest = float(finite.abs().max()) if finite.numel() else 0.0
    return Difference(worst, worst / largest if largest else worst)
