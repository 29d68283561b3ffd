"""How far a result may be from torch's: it follows from the dtype and the length of the longest reduction."""

from __future__ import annotations

import torch
from attrs import frozen


@frozen
class Tolerance:
    """``|a - b| <= absolute + relative * |b|``."""

    absolute: float
    relative: float


def tolerance(
    expected: torch.Tensor, *, terms: int = 1, magnitude: float = 0.0, bound: float = 0.0
) -> Tolerance:
    """What rounding allows two right computations to differ by.

    ``terms`` is how many products are summed for one element, ``magnitude`` the size of the largest intermediate
    where it is above the result's own; ``bound`` is the stated error of an approximation. Integers and booleans must
    be equal.
    """
    if not expected.dtype.is_floating_point or not expected.numel():
        return Tolerance(0.0, 0.0)
    # The weaker of the two sides computes in float32, whatever the tensor holds.
    epsilon = max(torch.finfo(expected.dtype).eps, torch.finfo(torch.float32).eps)
    finite = expected[expected.isfinite()].abs()
    largest = max(float(finite.max()) if finite.numel() else 0.0, magnitude)
    return Tolerance(epsilon * (4 + terms) * largest + bound, epsilon * (4 + terms))
