"""Permutations of any rank as transposes of at most four dimensions, which is what NNAPI has."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

from attrs import frozen

from nnapi_core.lowering.value import MOST_DIMS
from nnapi_core.nnapi.layout import compose


@frozen
class Step:
    """View the elements in ``shape``, then permute these dimensions."""

    shape: tuple[int, ...]
    permutation: tuple[int, ...]


def transposes(shape: Sequence[int], permutation: Sequence[int]) -> list[Step]:
    """The steps that move the elements of ``shape`` as ``torch.permute`` does.

    Dimensions that stay side by side move as one, so most permutations of high rank are one step (windows of an
    image, attention heads, channel shuffles); the rest take a step for each that four blocks can do.
    """
    steps = []
    sizes, order = merged(shape, permutation)
    while order != tuple(range(len(order))):
        cuts, blocks = _best_move(len(sizes), order)
        spans = list(zip((0, *cuts), (*cuts, len(sizes)), strict=True))
        steps.append(Step(tuple(math.prod(sizes[a:b]) for a, b in spans), blocks))
        moved = [dim for block in blocks for dim in range(*spans[block])]
        order = tuple(moved.index(dim) for dim in order)
        sizes, order = merged([sizes[dim] for dim in moved], order)
    return steps


def merged(
    shape: Sequence[int], permutation: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The same permutation without dimensions of size 1, and with neighbours that stay so merged."""
    runs: list[list[int]] = []
    last = None
    kept = [dim for dim in range(len(shape)) if shape[dim] != 1]
    following = dict(itertools.pairwise(kept))
    for dim in permutation:
        if shape[dim] == 1:
            continue
        if last is not None and following.get(last) == dim:
            runs[-1].append(dim)
        else:
            runs.append([dim])
        last = dim
    in_place = sorted(runs)
    sizes = tuple(math.prod(shape[dim] for dim in run) for run in in_place)
    return sizes, tuple(in_place.index(run) for run in runs)


def _best_move(count: int, order: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Where to cut, and how to permute the blocks, so that the fewest dimensions remain to be moved."""
    if count <= MOST_DIMS:
        return tuple(range(1, count)), order

    def remaining(move: tuple[tuple[int, ...], tuple[int, ...]]) -> int:
        cuts, blocks = move
        spans = list(zip((0, *cuts), (*cuts, count), strict=True))
        moved = [dim for block in blocks for dim in range(*spans[block])]
        return len(merged([2] * count, compose(order, _positions(moved)))[0])

    return min(_moves(count), key=remaining)


def _positions(moved: Sequence[int]) -> tuple[int, ...]:
    return tuple(moved.index(dim) for dim in range(len(moved)))


def _moves(count: int) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    for cuts in itertools.combinations(range(1, count), MOST_DIMS - 1):
        for blocks in itertools.permutations(range(MOST_DIMS)):
            yield cuts, blocks
