"""Views by strides of memory, said as positions among the elements."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from nnapi_core.plugin import Decomposition, Unsupported, decomposition, decompositions_of, hookimpl

aten = torch.ops.aten


@decomposition(aten.as_strided.default, aten.as_strided_copy.default)
def as_strided(
    self: torch.Tensor,
    size: Sequence[int],
    stride: Sequence[int],
    storage_offset: int | None = None,
) -> torch.Tensor:
    """The strides are of torch's memory: which element lies where, the strides of ``self`` say.

    What lies in memory between or beyond its elements belongs to another tensor, which NNAPI does not see.
    """
    start = int(self.storage_offset())
    if not all(isinstance(one, int) for one in (*size, *stride, *self.shape, start)):
        raise Unsupported("a view by strides of memory where dimensions are free")
    wanted = _places(size, stride, start if storage_offset is None else storage_offset)
    held = _places(self.shape, self.stride(), start)
    order = np.argsort(held, kind="stable")
    at = np.searchsorted(held, wanted, sorter=order)
    positions = order[np.minimum(at, held.size - 1)] if held.size else at
    if not np.array_equal(held[positions] if held.size else [], wanted):
        raise Unsupported("a view of memory beyond the elements of the tensor")
    flat = self.reshape(-1)
    if np.array_equal(positions, np.arange(held.size)):
        return flat.reshape(size)
    return flat.index_select(0, torch.from_numpy(positions)).reshape(size)


def _places(
    size: Sequence[int], stride: Sequence[int], start: int
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Where in memory each element lies, in torch's order of elements."""
    places = np.full(math.prod(size), start, np.int64).reshape(size)
    for dim, (length, step) in enumerate(zip(size, stride, strict=True)):
        along = [1] * len(size)
        along[dim] = length
        places += step * np.arange(length).reshape(along)
    return places.reshape(-1)


@hookimpl
def nnapi_decompositions() -> list[Decomposition]:
    return decompositions_of(__name__)
