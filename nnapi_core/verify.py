"""Compares a conversion with torch."""

from __future__ import annotations

from typing import Any

import torch
import torch.utils._pytree as pytree
from attrs import frozen

from nnapi_core.driver import Converted


@frozen
class OutputError:
    """How far one output is off: the largest difference, and that over the largest value."""

    name: str
    max_abs: float
    relative: float


@frozen
class Verification:
    """``limit`` is on the relative error of each output."""

    outputs: tuple[OutputError, ...]
    limit: float

    @property
    def passed(self) -> bool:
        return all(one.relative <= self.limit for one in self.outputs)


def verify(
    converted: Converted, args: tuple[Any, ...], expected: Any, *, limit: float | None = None
) -> Verification:
    """Runs ``converted`` on ``args`` here and compares it with what torch gave.

    Without ``limit``: 1e-4 of the largest value in float32, 1e-2 where float16 is involved.
    """
    actual = converted(*args)
    got, wanted = pytree.tree_leaves(actual), pytree.tree_leaves(expected)
    halves = [one for one in wanted if torch.is_tensor(one) and one.dtype is torch.float16]
    if limit is None:
        limit = 1e-2 if halves or converted.parts.manifest["relaxed"] else 1e-4
    names = [str(output["name"]) for output in converted.parts.manifest["outputs"]]
    errors = [_error(name, a, b) for name, a, b in zip(names, got, wanted, strict=True)]
    return Verification(tuple(errors), limit)


def _error(name: str, actual: Any, expected: Any) -> OutputError:
    if not torch.is_tensor(expected):
        wrong = 0.0 if actual == expected else float("inf")
        return OutputError(name, wrong, wrong)
    if actual.shape != expected.shape or actual.dtype != expected.dtype:
        return OutputError(name, float("inf"), float("inf"))
    a, b = actual.double(), expected.double()
    same = (a == b) | (a.isnan() & b.isnan())
    difference = torch.where(same, 0.0, (a - b).abs()).nan_to_num(nan=float("inf"))
    worst = float(difference.max()) if difference.numel() else 0.0
    finite = b[b.isfinite()]
    largest = float(finite.abs().max()) if finite.numel() else 0.0
    return OutputError(name, worst, worst / largest if largest else worst)
