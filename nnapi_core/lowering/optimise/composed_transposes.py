"""What a chain of reshapes and transposes does to the elements, and how to do it with the fewest transposes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
from operator import mul

from attrs import frozen

from nnapi_core.lowering.split_transposes import Step, merged, transposes
from nnapi_core.nnapi.layout import invert


@frozen
class Move:
    """The elements of a tensor, viewed in ``sizes`` and permuted; the shape of the result is said elsewhere.

    ``permutation[i]`` is the dimension of ``sizes`` that comes ``i``-th. There are no sizes of 1.
    """

    sizes: tuple[int, ...] = ()
    permutation: tuple[int, ...] = ()

    @staticmethod
    def none(dims: Sequence[int]) -> Move:
        sizes = tuple(dim for dim in dims if dim != 1)
        return Move(sizes, tuple(range(len(sizes))))

    def reshaped(self, dims: Sequence[int]) -> Move | None:
        """Then a reshape to ``dims``; None where these cut a dimension that was moved at no divisor of it."""
        found = self._cut(dims)
        # What stays side by side is one dimension, which more cuts divide.
        return self.merged()._cut(dims) if found is None else found

    def _cut(self, dims: Sequence[int]) -> Move | None:
        cuts = set(accumulate(dims, mul))
        pieces: list[list[int]] = [[] for _ in self.sizes]
        begin = 1
        for dim in self.permutation:
            end = begin * self.sizes[dim]
            inside = sorted(cut for cut in cuts if begin < cut < end)
            for low, high in pairwise((begin, *inside, end)):
                if high % low:
                    return None
                pieces[dim].append(high // low)
            begin = end
        starts = [0, *accumulate(map(len, pieces))]
        order = [starts[dim] + i for dim in self.permutation for i in range(len(pieces[dim]))]
        return Move(tuple(size for piece in pieces for size in piece), tuple(order))

    def transposed(self, dims: Sequence[int], permutation: Sequence[int]) -> Move | None:
        """Then a transpose of the result, which has the shape ``dims``."""
        cut = self.reshaped(dims)
        if cut is None:
            return None
        blocks = iter(cut.permutation)
        groups: list[list[int]] = []
        for size in dims:
            group: list[int] = []
            while math.prod(cut.sizes[dim] for dim in group) < size:
                group.append(next(blocks))
            groups.append(group)
        return Move(cut.sizes, tuple(dim for one in permutation for dim in groups[one]))

    def merged(self) -> Move:
        """The same, with dimensions that stay side by side as one: equal for equal moves."""
        return Move(*merged(self.sizes, self.permutation))

    def inverse(self) -> Move:
        return Move(tuple(self.sizes[dim] for dim in self.permutation), invert(self.permutation))

    def steps(self, source: Sequence[int], result: Sequence[int]) -> list[Step]:
        """Views and transposes that take a tensor of shape ``source`` to one that reshapes to ``result``.

        Where one transpose does, it is of a view that needs no reshape before or after, if there is such a view.
        """
        found = transposes(self.sizes, self.permutation)
        if len(found) != 1:
            return found
        forwards = as_permutation(self.merged(), source, result)
        backwards = as_permutation(self.inverse().merged(), result, source)
        if forwards is not None:
            found.append(Step(tuple(source), forwards))
        if backwards is not None:
            again = invert(backwards)
            found.append(Step(tuple(result[dim] for dim in invert(again)), again))
        return [min(found, key=lambda step: _reshapes(step, source, result))]


def _reshapes(step: Step, source: Sequence[int], result: Sequence[int]) -> int:
    moved = tuple(step.shape[dim] for dim in step.permutation)
    return (step.shape != tuple(source)) + (moved != tuple(result))


def as_permutation(
    move: Move, dims: Sequence[int], result: Sequence[int]
) -> tuple[int, ...] | None:
    """``move`` (merged) as a permutation of ``dims``, if it leaves these whole."""
    groups: list[list[int]] = []
    rest = iter(dim for dim, size in enumerate(dims) if size != 1)
    for block in move.sizes:
        group: list[int] = []
        while (held := math.prod(dims[dim] for dim in group)) < block:
            group.append(next(rest))
        if held != block:
            return None
        groups.append(group)
    order = [dim for block in move.permutation for dim in groups[block]]
    return _with_ones(order, dims, result)


def _with_ones(order: Sequence[int], dims: Sequence[int], result: Sequence[int]) -> tuple[int, ...]:
    """``order`` with the dimensions of size 1 where ``result`` has its own, as far as they go."""
    ones = [dim for dim, size in enumerate(dims) if size == 1]
    spare = len(ones) - sum(size == 1 for size in result)
    placed, ones = ones[: max(spare, 0)], ones[max(spare, 0) :]
    remaining = list(order)
    for size in result:
        if size == 1 and ones:
            placed.append(ones.pop(0))
        elif size != 1 and remaining:
            placed.append(remaining.pop(0))
    return (*placed, *ones, *remaining)
