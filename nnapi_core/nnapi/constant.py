"""Constant data that is computed when it is written, so that a conversion holds no copy of the weights."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from attrs import field, frozen

Array = np.ndarray[Any, np.dtype[Any]]
_anonymous = itertools.count()


@frozen(eq=False)
class Constant:
    """An array known by shape and element type, loaded on demand.

    ``key`` names the content: two constants of equal keys hold equal data, and are written once.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    load: Callable[[], Array] = field(repr=False)
    key: Hashable

    @classmethod
    def of(cls, array: Array | Sequence[Any] | float, dtype: Any = None) -> Constant:
        """Of data at hand; small arrays are named by their content."""
        data = np.asarray(array, dtype)
        small = data.nbytes <= 1024
        key = (data.dtype.str, data.shape, data.tobytes()) if small else next(_anonymous)
        return cls(data.dtype, data.shape, lambda: data, key)

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def array(self) -> Array:
        """The data, C-contiguous."""
        return np.ascontiguousarray(self.load()).reshape(self.shape)

    def transpose(self, permutation: Sequence[int]) -> Constant:
        order = tuple(permutation)
        if order == tuple(range(len(order))):
            return self
        shape = tuple(self.shape[dim] for dim in order)
        return Constant(
            self.dtype, shape, lambda: self.load().transpose(order), (self.key, "transpose", order)
        )

    def reshape(self, shape: Sequence[int]) -> Constant:
        new = tuple(shape)
        if new == self.shape:
            return self
        return Constant(
            self.dtype, new, lambda: self.load().reshape(new), (self.key, "reshape", new)
        )

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
