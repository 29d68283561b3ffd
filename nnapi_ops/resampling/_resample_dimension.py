"""One dimension of an image resampled: by a matrix, or by an index for each new element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnapi_core.plugin import (
    Context,
    Order,
    Unsupported,
    Value,
    fixed,
    ops,
)
from nnapi_ops.linear._matrix_product import fully_connected
from nnapi_ops.shape._split_and_concat import crop, join

# Without GATHER each element is cut out by itself.
_MOST_PIECES = 64


def weighted(nn: Context, image: Value, dim: int, matrix: np.ndarray[Any, Any]) -> Value:
    """Every new element along ``dim`` as the sum of the old ones, weighted by a row of ``matrix``."""
    rank = image.rank
    last = [*(other for other in range(rank) if other != dim), dim]
    weights = nn.constant(matrix, image.dtype)
    result = fully_connected(nn, nn.permute(image, last), weights, None)
    return nn.permute(result, [last.index(position) for position in range(rank)])


def taken(nn: Context, image: Value, dim: int, indices: Sequence[int]) -> Value:
    """The elements along ``dim`` that ``indices`` name, in their order."""
    count = len(indices)
    (size,) = fixed(image.shape[dim : dim + 1])
    if list(indices) == list(range(size)):
        return image
    if nn.level >= 29:
        shape = (*image.shape[:dim], count, *image.shape[dim + 1 :])
        return nn.emit(
            ops.GATHER, input=image, axis=image.axis(dim), indices=list(indices), shape=shape
        )
    times = count // size
    if list(indices) == [index // times for index in range(size * times)]:
        return _repeated(nn, image, dim, times)
    if count > _MOST_PIECES:
        raise Unsupported("too many elements to take one by one below level 29", elements=count)
    pieces = {index: crop(nn, image, dim, index, 1) for index in sorted(set(indices))}
    return join(nn, [pieces[index] for index in indices], dim)


def _repeated(nn: Context, image: Value, dim: int, times: int) -> Value:
    """Every element along ``dim`` several times, by joining the image to itself."""
    forward, back = (0, 2, 3, 1), (0, 3, 1, 2)
    # As it lies in memory, so that nothing is moved.
    lies = nn.permute(image, forward) if image.order is Order.CHANNELS_LAST else image
    at = forward.index(dim) if image.order is Order.CHANNELS_LAST else dim
    shape = lies.static_shape
    rows = int(np.prod(shape[: at + 1]))
    single = nn.reshape(lies, (rows, 1, lies.spec.count // rows))
    joined = join(nn, [single] * times, 1)
    whole = nn.reshape(joined, (*shape[:at], shape[at] * times, *shape[at + 1 :]))
    return nn.permute(whole, back) if image.order is Order.CHANNELS_LAST else whole
