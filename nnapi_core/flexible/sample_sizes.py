"""At which sizes a model is lowered to see what depends on them."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Sequence

from attrs import evolve, frozen

from nnapi_core.graph.sizes.free_sizes import FreeSize

Point = tuple[int, ...]

# So few sizes are all looked at; of more, the corners and some drawn ones.
_FEW = 12
_NEAR = 16
_TRIES = 4096


@frozen
class Span:
    """A size's range here; ``seen`` is the largest that is looked at where there is no upper bound."""

    least: int
    most: int | None
    seen: int

    @classmethod
    def of(cls, size: FreeSize, example: int) -> Span:
        least = max(size.least, 1)
        seen = max(2 * example, least + 32) if size.most is None else size.most
        return cls(least, size.most, seen)

    @property
    def count(self) -> int:
        return self.seen - self.least + 1

    def only(self, number: int) -> Span:
        return Span(number, number, number)

    def above(self, number: int) -> Span:
        return evolve(self, least=number)


Region = tuple[Span, ...]


def points(region: Region, example: Point, takes: Callable[[Point], bool]) -> list[Point]:
    """Sizes to lower at, of those that ``takes`` allows: the example's first if it is in the region, and the largest
    ones where they are allowed."""
    every = math.prod(span.count for span in region)
    if every <= _FEW:
        found = list(itertools.product(*(range(s.least, s.seen + 1) for s in region)))
        return sorted(filter(takes, found), key=lambda point: point != example)
    chosen = random.Random(0)

    def drawn() -> Point:
        return tuple(chosen.randint(span.least, span.seen) for span in region)

    result = [example] if all(map(_within, example, region)) else []
    result += [tuple(s.seen for s in region), tuple(s.least for s in region)]
    result += [tuple(min(s.least + 1, s.seen) for s in region)]
    for position, span in enumerate(region):
        for end in {span.least, span.seen} if len(region) > 1 else ():
            point = list(drawn())
            point[position] = end
            result.append(tuple(point))
    result = [near for one in result if (near := _allowed(region, one, takes)) is not None]
    for _ in range(_TRIES):
        if len(set(result)) >= _FEW:
            break
        near = _allowed(region, drawn(), takes)
        if near is not None:
            result.append(near)
    return list(dict.fromkeys(result))


def _allowed(region: Region, point: Point, takes: Callable[[Point], bool]) -> Point | None:
    """The point, or one near it that is allowed; None if there is none near."""
    if takes(point):
        return point
    ways = [
        [n for n in range(number - _NEAR, number + _NEAR + 1) if _within(n, span)]
        for number, span in zip(point, region, strict=True)
    ]
    near = itertools.islice(itertools.product(*ways), _TRIES)
    return next(filter(takes, near), None)


def _within(number: int, span: Span) -> bool:
    return span.least <= number <= span.seen


def without_ones(region: Region) -> Sequence[tuple[Region, list[Region]]]:
    """Ways to set sizes of 1 apart, which NNAPI models often treat otherwise: the rest, and what was set apart."""
    ones = [i for i, span in enumerate(region) if span.least == 1 and span.seen > 1]
    choices = [[i] for i in ones] + ([ones] if len(ones) > 1 else [])
    result = []
    for choice in choices:
        rest, apart = list(region), []
        for position in choice:
            single = list(rest)
            single[position] = rest[position].only(1)
            apart.append(tuple(single))
            rest[position] = rest[position].above(2)
        result.append((tuple(rest), apart))
    return result
