"""Assignment through indices and masks, as ``x[i, :, j] = y`` has it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Lowering,
    Unsupported,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.arithmetic.add_sub_mul import plus
from nnapi_ops.arithmetic.where_masked_fill import chosen
from nnapi_ops.indexing._fixed_scatter import replaced
from nnapi_ops.indexing._gather import looked_up
from nnapi_ops.indexing.index import indexed
from nnapi_ops.indexing.scatter import CONSTANT_PLACES, MOST_COMPARED
from nnapi_ops.shape._fixed_gather import Run, sliced
from nnapi_ops.shape.expand_repeat import expanded

aten = torch.ops.aten


@lowering(aten.index_put.default, layout=Layout.TORCH, limitations=[CONSTANT_PLACES])
def index_put(
    nn: Context, self: Value, indices: Sequence[Value | None], values: Value, accumulate: bool
) -> Value:
    """index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor"""
    values = nn.cast(values, self.dtype)
    masks = [one for one in indices if one is not None]
    if (
        len(masks) == 1 == len(indices)
        and masks[0].dtype is torch.bool
        and not masks[0].is_constant
    ):
        return _put_by_mask(nn, self, masks[0], values, accumulate)
    dims, parts = indexed(nn, self, indices)
    if len(dims) == 1 and not parts[0].is_constant and not accumulate:
        return _put_along(nn, self, dims[0], parts[0], values)
    if not dims or not all(part.is_constant for part in parts):
        raise Unsupported("index_put to places that the model computes")
    shape = self.static_shape
    places = np.arange(math.prod(shape)).reshape(shape)
    at: list[Any] = [slice(None)] * self.rank
    for dim, part in zip(dims, parts, strict=True):
        at[dim] = part.array()
    target = places[tuple(at)]
    new = nn.reshape(expanded(nn, values, target.shape), (target.size,))
    if accumulate:
        flat = nn.reshape(self, (places.size,))
        old = looked_up(nn, flat, 0, nn.constant(target.reshape(-1), torch.int32))
        new = plus(nn, old, new)
    return replaced(nn, self, target.reshape(-1), new)


def _put_along(nn: Context, value: Value, dim: int, index: Value, new: Value) -> Value:
    """Places along one dimension: for each of them, a choice along it between what is new and what was there."""
    shape, places = value.static_shape, index.static_shape
    count = math.prod(places)
    if count > MOST_COMPARED:
        raise Unsupported("this many places that the model computes", count=count)
    new = expanded(nn, new, (*shape[:dim], *places, *shape[dim + 1 :]))
    new = nn.reshape(new, (*shape[:dim], count, *shape[dim + 1 :]))
    column = [shape[dim] if one == dim else 1 for one in range(value.rank)]
    numbers = nn.constant(np.arange(shape[dim]).reshape(column), torch.int32)
    index = nn.reshape(index, (count,))
    for position in range(count):
        place = nn.reshape(sliced(nn, index, 0, Run(position, 1)), (1,) * value.rank)
        here = nn.emit(ops.EQUAL, a=numbers, b=place)
        value = chosen(nn, here, sliced(nn, new, dim, Run(position, 1)), value)
    return value


def _put_by_mask(nn: Context, value: Value, mask: Value, new: Value, accumulate: bool) -> Value:
    """One number wherever a mask is true, which is a choice."""
    if new.spec.count != 1:
        raise Unsupported("several numbers to places that the model computes")
    number = nn.reshape(new, (1,) * value.rank)
    if accumulate:
        number = plus(nn, value, number)
    whole = nn.reshape(mask, (*mask.shape, *[1] * (value.rank - mask.rank)))
    return chosen(nn, whole, number, value)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
