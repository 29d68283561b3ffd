"""Broadcasting above rank 4: neighbouring dimensions that all operands treat alike become one.

Where more than four are left, operands are repeated along some of them first.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from attrs import frozen

from nnapi_core.lowering.value import MOST_DIMS


def merged_runs(shapes: Sequence[Sequence[int]], out: Sequence[int]) -> list[int]:
    """Where each run of dimensions of ``out`` begins: every shape has all of a run, or 1 for all of it."""
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
    return [0, *starts[1:]]


@frozen
class Repetition:
    """Dimensions ``start`` to ``end`` of one operand, which are all 1, become those of the result."""

    operand: int
    start: int
    end: int

    def of(self, shape: Sequence[int], out: Sequence[int]) -> tuple[int, ...]:
        """The operand's shape, of the result's rank, afterwards."""
        return (*shape[: self.start], *out[self.start : self.end], *shape[self.end :])


def repetitions(shapes: Sequence[Sequence[int]], out: Sequence[int]) -> list[Repetition]:
    """What to repeat, one after the other, so that no more than four runs are left.

    In each step it is what leaves the fewest runs, and of those the fewest elements.
    """
    current = [_padded(shape, len(out)) for shape in shapes]
    steps: list[Repetition] = []
    while len(starts := merged_runs(current, out)) > MOST_DIMS:
        best: tuple[int, int] | None = None
        for start, end in itertools.pairwise((*starts, len(out))):
            for operand, shape in enumerate(current):
                if shape[start:end] == tuple(out[start:end]):
                    continue
                one = Repetition(operand, start, end)
                grown = one.of(shape, out)
                after = [*current[:operand], grown, *current[operand + 1 :]]
                cost = (len(merged_runs(after, out)), math.prod(grown))
                if best is None or cost < best:
                    best, step, next_shapes = cost, one, after
        steps.append(step)
        current = next_shapes
    return steps


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
