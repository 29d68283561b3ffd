"""Indexing by tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Limitation,
    Lowering,
    Unsupported,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.lookup import known_positions, linear_positions, looked_up, positions
from nnapi_ops.picking import picked

aten = torch.ops.aten

NO_MASKS = Limitation(
    "masks that the model computes: the number of results is known only when it runs"
)


@lowering(aten.index_select.default, layout=Layout.ANY)
def index_select(nn: Context, self: Value, dim: int, index: Value) -> Value:
    """index_select(Tensor self, int dim, Tensor index) -> Tensor"""
    if not self.rank:
        return self
    size = self.static_shape[dim]
    return nn.reshape(looked_up(nn, self, dim, known_positions(index, size)), nn.out.shape)


@lowering(aten.embedding.default, layout=Layout.TORCH)
def embedding(nn: Context, weight: Value, indices: Value, **ignored: Any) -> Value:
    """embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor"""
    index = known_positions(indices, weight.static_shape[0])
    if nn.level < 29 and index.rank == 1:
        return nn.emit(ops.EMBEDDING_LOOKUP, lookups=index, values=weight, out=nn.out)
    return looked_up(nn, weight, 0, index)


@lowering(aten.index.Tensor, aten._unsafe_index.Tensor, layout=Layout.TORCH, limitations=[NO_MASKS])
def index(nn: Context, self: Value, indices: Sequence[Value | None]) -> Value:
    """
    index.Tensor(Tensor self, Tensor?[] indices) -> Tensor
    _unsafe_index.Tensor(Tensor self, Tensor?[] indices) -> Tensor
    """
    dims, parts = indexed(nn, self, indices)
    if not dims:
        return self
    shape = list(self.static_shape)
    sizes = [shape[dim] for dim in dims]
    strides = [math.prod(sizes[one + 1 :]) for one in range(len(sizes))]
    at = linear_positions(nn, parts, strides)
    adjacent = dims == list(range(dims[0], dims[-1] + 1))
    if not adjacent:
        # As in numpy, the dimensions of the indices come first where they have no one place to go.
        rest = [dim for dim in range(self.rank) if dim not in dims]
        self = nn.permute(self, [*dims, *rest])
        shape = [shape[dim] for dim in (*dims, *rest)]
    first = dims[0] if adjacent else 0
    merged = [*shape[:first], math.prod(sizes), *shape[first + len(dims) :]]
    return nn.reshape(looked_up(nn, nn.reshape(self, merged), first, at), nn.out.shape)


@lowering(aten.gather.default, layout=Layout.TORCH)
def gather(nn: Context, self: Value, dim: int, index: Value, sparse_grad: bool) -> Value:
    """
    gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor

    NNAPI's GATHER is ``index_select``; here each element has a position of its own, in the flat tensor.
    """
    if not self.rank:
        return nn.reshape(self, index.shape)
    sizes, shape = self.static_shape, index.static_shape or (1,)
    dim %= self.rank
    strides = [math.prod(sizes[one + 1 :]) for one in range(self.rank)]
    grid = np.indices(shape)
    others = sum(grid[one] * strides[one] for one in range(self.rank) if one != dim)
    along = known_positions(nn.reshape(index, shape), sizes[dim])
    at = linear_positions(nn, [along, nn.constant(others, torch.int32)], strides=[strides[dim], 1])
    flat = nn.reshape(self, (math.prod(sizes),))
    return nn.reshape(looked_up(nn, flat, 0, at), nn.out.shape)


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


@lowering(aten.one_hot.default, layout=Layout.TORCH)
def one_hot(nn: Context, self: Value, num_classes: int) -> Value:
    """one_hot(Tensor self, int num_classes=-1) -> Tensor"""
    classes = nn.out.static_shape[-1]
    column = nn.reshape(self, (*self.shape, 1))
    numbers = nn.constant(np.arange(classes), self.dtype)
    return nn.cast(nn.emit(ops.EQUAL, a=column, b=numbers), nn.out.dtype)


def indexed(
    nn: Context, value: Value, indices: Sequence[Value | None]
) -> tuple[list[int], list[Value]]:
    """The dimensions that are indexed, and the positions in each; constant masks become positions."""
    dims: list[int] = []
    parts: list[Value] = []
    dim = 0
    for one in indices:
        if one is None:
            dim += 1
            continue
        found = [one]
        if one.dtype is torch.bool:
            if not one.is_constant:
                raise Unsupported(
                    "a mask that the model computes: how much it selects is not known before"
                )
            found = [nn.constant(places, torch.int32) for places in np.nonzero(one.array())]
        for part in found:
            parts.append(positions(nn, part, value.static_shape[dim]))
            dims.append(dim)
            dim += 1
    return dims, parts


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
