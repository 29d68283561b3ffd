"""Numbers that were seen at several sizes, as an expression of the sizes.

torch's own symbolic shapes are the vocabulary: a number is one of them, a product of up to three, or a sum of two, with
whole factors. What no expression explains at every size seen is refused, not interpolated.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nnapi_core.nnapi.size_expression import Expression, sum_of, value_of

_Vector = np.ndarray[Any, np.dtype[np.int64]]
# Whole factors above this are rather a coincidence of the sizes drawn than a formula.
_LARGEST_FACTOR = 1 << 12


class Fitter:
    """``vocabulary`` are expressions of the sizes; ``samples`` the sizes at which numbers are seen."""

    def __init__(
        self, vocabulary: Sequence[Expression], samples: Sequence[Mapping[str, int]]
    ) -> None:
        self._samples = samples
        rows: dict[tuple[int, ...], Expression] = {}
        for expression in vocabulary:
            values = tuple(value_of(expression, sizes) for sizes in samples)
            if len(set(values)) > 1:
                rows.setdefault(values, expression)
        self._words = list(rows.values())
        self._known: dict[tuple[int, ...], Expression | None] = {}
        self._levels = [
            (self._words, np.array(list(rows), np.int64).reshape(len(rows), len(samples)))
        ]

    def fit(self, numbers: Sequence[int]) -> Expression | None:
        """The expression that is ``numbers[i]`` at sample ``i``; None if there is none."""
        key = tuple(int(number) for number in numbers)
        if len(set(key)) == 1:
            return key[0]
        if key not in self._known:
            self._known[key] = self._fitted(np.array(key, np.int64))
        return self._known[key]

    def _fitted(self, numbers: _Vector) -> Expression | None:
        for products in range(3):
            words, table = self._products(products)
            if (found := _multiple(numbers, words, table)) is not None:
                return found
        for products in range(3):
            words, table = self._products(products)
            if (found := _affine(numbers, words, table)) is not None:
                return found
        for products in range(2):
            if (found := _sum_of_two(numbers, *self._products(products))) is not None:
                return found
        return None

    def _products(self, count: int) -> tuple[list[Expression], _Vector]:
        """Products of ``count`` + 1 words."""
        while len(self._levels) <= count:
            words, table = self._levels[0]
            every = itertools.combinations_with_replacement(
                range(len(words)), len(self._levels) + 1
            )
            indices = list(every)
            expressions: list[Expression] = [["*", *(words[i] for i in one)] for one in indices]
            values = np.array([np.prod(table[list(one)], axis=0) for one in indices], np.int64)
            self._levels.append((expressions, values.reshape(len(indices), len(self._samples))))
        return self._levels[count]


def _multiple(numbers: _Vector, words: Sequence[Expression], table: _Vector) -> Expression | None:
    """``factor * word``."""
    for word, row in zip(words, table, strict=True):
        if (
            row[0]
            and numbers[0] % row[0] == 0
            and np.array_equal(row * (numbers[0] // row[0]), numbers)
        ):
            return sum_of([(int(numbers[0] // row[0]), word)])
    return None


def _affine(numbers: _Vector, words: Sequence[Expression], table: _Vector) -> Expression | None:
    """``factor * word + constant``."""
    if not len(table):
        return None
    far = np.argmax(table, axis=1)
    near = np.argmin(table, axis=1)
    index = np.arange(len(table))
    rise, run = numbers[far] - numbers[near], table[index, far] - table[index, near]
    factor = np.where(run != 0, rise // np.maximum(run, 1), 0)
    constant = numbers[near] - factor * table[index, near]
    fits = (factor[:, None] * table + constant[:, None] == numbers).all(axis=1)
    fits &= abs(factor) <= _LARGEST_FACTOR
    for row in map(int, np.flatnonzero(fits)):
        return sum_of([(int(factor[row]), words[row])], int(constant[row]))
    return None


def _sum_of_two(numbers: _Vector, words: Sequence[Expression], table: _Vector) -> Expression | None:
    """``factor * word + factor * word + constant``."""
    # Three free numbers: with fewer than six sizes anything would fit.
    if len(numbers) < 6:
        return None
    for one, other in itertools.combinations(range(len(words)), 2):
        matrix = np.stack([table[one], table[other], np.ones_like(numbers)], axis=1).astype(float)
        solution, _, rank, _ = np.linalg.lstsq(matrix, numbers.astype(float), rcond=None)
        a, b, c = (round(number) for number in solution)
        plain = rank == 3 and min(abs(a), abs(b)) > 0 and max(abs(a), abs(b)) <= _LARGEST_FACTOR
        if plain and np.array_equal(a * table[one] + b * table[other] + c, numbers):
            return sum_of([(a, words[one]), (b, words[other])], c)
    return None
