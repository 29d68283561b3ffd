"""Diagonals, and windows that slide along a dimension."""

from __future__ import annotations

import torch

from nnapi_core.plugin import Context, Layout, Lowering, Value, hookimpl, lowering, lowerings_of
from nnapi_ops.shape._fixed_gather import picked

aten = torch.ops.aten


@lowering(aten.diagonal.default, layout=Layout.ANY)
def diagonal(nn: Context, self: Value, offset: int, dim1: int, dim2: int) -> Value:
    """diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)"""
    rank = self.rank
    dim1, dim2 = dim1 % rank, dim2 % rank
    rest = [dim for dim in range(rank) if dim not in (dim1, dim2)]
    moved = nn.permute(self, [*rest, dim1, dim2])
    *before, rows, columns = moved.static_shape
    flat = nn.reshape(moved, [*before, rows * columns])
    first = max(offset, 0) + max(-offset, 0) * columns
    length = nn.out.static_shape[-1]
    places = [first + position * (columns + 1) for position in range(length)]
    return picked(nn, flat, -1, places)


@lowering(aten.unfold.default, layout=Layout.ANY)
def unfold(nn: Context, self: Value, dimension: int, size: int, step: int) -> Value:
    """unfold(Tensor(a) self, int dimension, int size, int step) -> Tensor(a)"""
    if not self.rank:
        return nn.reshape(self, nn.out.shape)
    dim = dimension % self.rank
    count = nn.out.static_shape[dim]
    places = [window * step + position for window in range(count) for position in range(size)]
    shape = self.static_shape
    windows = nn.reshape(
        picked(nn, self, dim, places), [*shape[:dim], count, size, *shape[dim + 1 :]]
    )
    order = [one for one in range(self.rank + 1) if one != dim + 1]
    return nn.permute(windows, [*order, dim + 1])


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
