"""Broadcasting above rank 4: neighbouring dimensions that all operands treat alike become one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nnapi_core.errors import Unsupported
from nnapi_core.lowering.value import MOST_DIMS


def merged_runs(shapes: Sequence[Sequence[int]], out: Sequence[int]) -> list[int]:
    """Where each run of dimensions of ``out`` begins: every shape has all of a run, or 1 for all of it.

    Raises `Unsupported` where more than four runs are left.
    """
    padded = [_padded(shape, len(out)) for shape in shapes]
    starts: list[int] = []
    pattern: list[bool] | None = None
    for dim, size in enumerate(out):
        if size == 1:
            continue
        here = [shape[dim] == size for shape in padded]
        if here != pattern:
            starts.append(dim)
        pattern = here
    starts = [0, *starts[1:]]
    if len(starts) > MOST_DIMS:
        raise Unsupported(
            "broadcasting above rank 4 that does not come down to 4 dimensions",
            shapes=[list(shape) for shape in shapes],
        )
    return starts


def merged_shape(shape: Sequence[int], starts: Sequence[int], rank: int) -> tuple[int, ...]:
    """``shape`` with its runs merged."""
    padded = _padded(shape, rank)
    ends = (*starts[1:], rank)
    return tuple(math.prod(padded[start:end]) for start, end in zip(starts, ends, strict=True))


def stored_alike(shapes: Sequence[Sequence[int]], out: Sequence[int]) -> bool:
    """Do the operands broadcast as they are stored, their leading dimensions merged?"""
    merged = len(out) - MOST_DIMS + 1
    leading = [_padded(shape, len(out))[:merged] for shape in shapes]
    return all(one in ((1,) * merged, tuple(out[:merged])) for one in leading)


def _padded(shape: Sequence[int], rank: int) -> tuple[int, ...]:
    return (1,) * (rank - len(shape)) + tuple(shape)
