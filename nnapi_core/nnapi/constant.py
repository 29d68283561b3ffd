"""Constant data that is computed when it is written, so that a conversion holds no copy of the weights."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

import numpy as np
from attrs import field, frozen

Array = np.ndarray[Any, np.dtype[Any]]
_anonymous = itertools.count()
# Of a slab, where elements must be brought into order.
_SLAB_BYTES = 1 << 20


@frozen
class Reordering:
    """One step from one constant to another of the same elements: a permutation, or (None) another shape."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    permutation: tuple[int, ...] | None = None

    def undone(self) -> Reordering:
        order = self.permutation
        inverse = None if order is None else tuple(order.index(dim) for dim in range(len(order)))
        return Reordering(self.after, self.before, inverse)


@frozen(eq=False)
class Constant:
    """An array known by shape and element type, loaded on demand.

    ``key`` names the content: two constants of equal keys hold equal data, and are written once.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    load: Callable[[], Array] = field(repr=False)
    key: Hashable
    moved: tuple[Constant, Reordering] | None = field(default=None, repr=False)
    """The constant that this one has its elements from, and how."""
    cut: tuple[Constant, int, int] | None = field(default=None, repr=False)
    """The constant that this one is a run of, along which dimension, and where that begins."""
    largest: Constant | None = field(default=None, repr=False)
    """Of a constant as large as a free size: the largest one. The loader cuts its leading part out."""

    @classmethod
    def of(cls, array: Array | Sequence[Any] | float, dtype: Any = None) -> Constant:
        """Of data at hand; small arrays are named by their content."""
        data = np.asarray(array, dtype)
        small = data.nbytes <= 1024
        key = (data.dtype.str, data.shape, data.tobytes()) if small else next(_anonymous)
        return cls(data.dtype, data.shape, lambda: data, key)

    @property
    def nbytes(self) -> int:
        return int(math.prod(self.shape)) * self.dtype.itemsize

    def array(self) -> Array:
        """The data, C-contiguous."""
        return np.ascontiguousarray(self.load()).reshape(self.shape)

    def slabs(self) -> Iterator[memoryview]:
        """The bytes of ``array()`` in stretches, for writing: of a transposed view, a copy of one at a time is made."""
        return _slabs(np.asarray(self.load()))

    def transpose(self, permutation: Sequence[int]) -> Constant:
        order = tuple(permutation)
        if order == tuple(range(len(order))):
            return self
        shape = tuple(self.shape[dim] for dim in order)
        if self.moved is not None and (before := self.moved[1].permutation) is not None:
            return self.moved[0].transpose([before[dim] for dim in order])
        return Constant(
            self.dtype,
            shape,
            lambda: self.load().transpose(order),
            (self.key, "transpose", order),
            (self, Reordering(self.shape, shape, order)),
        )

    def reshape(self, shape: Sequence[int]) -> Constant:
        new = tuple(shape)
        if new == self.shape:
            return self
        if self.moved is not None and self.moved[1].permutation is None:
            return self.moved[0].reshape(new)
        return Constant(
            self.dtype,
            new,
            lambda: self.load().reshape(new),
            (self.key, "reshape", new),
            (self, Reordering(self.shape, new)),
        )

    def crop(self, dim: int, start: int, count: int, step: int = 1) -> Constant:
        """``count`` elements along ``dim`` from ``start`` on, every ``step``-th."""
        where = (slice(None),) * dim + (slice(start, start + count * step, step),)
        return Constant(
            self.dtype,
            (*self.shape[:dim], count, *self.shape[dim + 1 :]),
            lambda: self.load()[where],
            (self.key, "crop", dim, start, count, step),
            cut=(self, dim, start) if step == 1 else None,
        )

    def stretch(self) -> tuple[Constant, int] | None:
        """The constant whose bytes this one's are a stretch of, and at which byte that begins."""
        if self.cut is not None:
            container, dim, start = self.cut
        elif self.moved is not None and self.moved[0].cut is not None:
            (container, dim, start), order = self.moved[0].cut, self.moved[1].permutation
            if order is None:
                return None
            container, dim = container.transpose(order), order.index(dim)
        else:
            return None
        if math.prod(container.shape[:dim]) != 1:
            return None
        return container, start * math.prod(container.shape[dim + 1 :]) * self.dtype.itemsize

    def root(self) -> tuple[Constant, tuple[Reordering, ...]]:
        """The constant that all the elements come from in the end, and the steps from it to this one."""
        if self.moved is None:
            return self, ()
        root, steps = self.moved[0].root()
        return root, (*steps, self.moved[1])

    def map(
        self,
        function: Callable[[Array], Array],
        *,
        key: Hashable = None,
        shape: Sequence[int] | None = None,
        dtype: Any = None,
    ) -> Constant:
        """The result of ``function``; ``key`` names the function (none: the result is shared with nothing)."""
        new_dtype = np.dtype(dtype) if dtype is not None else self.dtype
        new_shape = tuple(shape) if shape is not None else self.shape
        name = (self.key, key, new_shape, new_dtype.str) if key is not None else next(_anonymous)
        return Constant(
            new_dtype, new_shape, lambda: np.asarray(function(self.load()), new_dtype), name
        )


def _slabs(array: Array) -> Iterator[memoryview]:
    if array.nbytes <= _SLAB_BYTES or array.flags.c_contiguous:
        yield memoryview(np.ascontiguousarray(array).reshape(-1).view(np.uint8))  # type: ignore[arg-type]
        return
    rows = max(1, len(array) * _SLAB_BYTES // array.nbytes)
    for start in range(0, len(array), rows):
        part = array[start : start + rows]
        yield from _slabs(part if rows > 1 else part[0])
