"""Elements at positions that a tensor of integers holds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from attrs import evolve

from nnapi_core.plugin import Bounds, Context, Dim, Order, Unsupported, Value, ops
from nnapi_ops.arithmetic.add_sub_mul import plus, times
from nnapi_ops.arithmetic.where_masked_fill import chosen
from nnapi_ops.shape._fixed_gather import gathered, picked


def looked_up(nn: Context, table: Value, dim: int, index: Value) -> Value:
    """``table`` with dimension ``dim`` replaced by those of ``index``, whose positions are not negative."""
    dim %= max(table.rank, 1)
    if index.is_constant and index.rank == 1:
        return picked(nn, table, dim, index.array().tolist())
    if index.rank == 1:
        return gathered(nn, table, dim, index)
    shape: tuple[Dim, ...] = (*table.shape[:dim], *index.shape, *table.shape[dim + 1 :])
    few = len(shape) <= 4 and table.rank <= 4
    if nn.level >= 29 and few and index.rank and table.dtype is not torch.bool:
        table = nn.arrange(table, Order.TORCH)
        found = nn.emit(ops.GATHER, input=table, axis=table.axis(dim), indices=index, shape=shape)
        return evolve(found, spec=evolve(found.spec, order=Order.TORCH), known=table.known)
    flat = nn.reshape(index, (index.spec.count,))
    return nn.reshape(looked_up(nn, table, dim, flat), shape)


def positions(nn: Context, index: Value, size: int) -> Value:
    """Positions along ``size`` elements as NNAPI counts them; torch's negative ones count from the end.

    Torch refuses positions outside of that range, so they are taken to lie inside.
    """
    index = evolve(index, spec=evolve(index.spec, dtype=torch.int32))
    if index.is_constant:
        array = index.array()
        if array.size and (array.min() < -size or array.max() >= size):
            raise Unsupported("positions outside of the tensor", size=size)
        return nn.constant(np.where(array < 0, array + size, array), torch.int32)
    index = index.bounded(index.bounds.clamped(-size, size - 1))
    if index.bounds.least >= 0:
        return index
    is_negative = nn.emit(ops.LESS, a=index, b=nn.constant(0, torch.int32))
    from_end = plus(nn, index, nn.constant(size, torch.int32))
    return chosen(nn, is_negative, from_end, index).bounded(Bounds(0, size - 1))


def known_positions(index: Value, size: int) -> Value:
    """Positions that may not be negative (``gather``, ``embedding``), with what is known of them."""
    index = evolve(index, spec=evolve(index.spec, dtype=torch.int32))
    return index.bounded(index.bounds.clamped(0, size - 1))


def linear_positions(nn: Context, positions: Sequence[Value], strides: Sequence[int]) -> Value:
    """Positions among flat elements: the sum of positions in each dimension times its stride."""
    if all(part.is_constant for part in positions):
        scaled = [part.array() * stride for part, stride in zip(positions, strides, strict=True)]
        return nn.constant(sum(scaled), torch.int32)
    result: Value | None = None
    for part, stride in zip(positions, strides, strict=True):
        far = part if stride == 1 else times(nn, part, nn.constant(stride, torch.int32))
        result = far if result is None else plus(nn, result, far)
    if result is None:
        raise ValueError("no dimension to look up in")
    return result
