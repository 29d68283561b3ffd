"""Repeating a tensor along its dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from attrs import evolve

from nnapi_core.plugin import (
    Constant,
    Context,
    Dim,
    Layout,
    Lowering,
    Order,
    Unsupported,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.shape._fixed_gather import addressable, joined, resized

aten = torch.ops.aten

# Below level 29 there is no TILE; a concatenation of more copies than this is no replacement.
_MOST_COPIES = 64


@lowering(aten.expand.default, aten.expand_as.default, aten.broadcast_to.default, layout=Layout.ANY)
def expand(nn: Context, self: Value, **ignored: Any) -> Value:
    """
    expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)
    expand_as(Tensor(a) self, Tensor other) -> Tensor(a)
    broadcast_to(Tensor(a) self, SymInt[] size) -> Tensor(a)
    """
    return expanded(nn, self, nn.out.shape)


@lowering(aten.repeat.default, aten.tile.default, layout=Layout.ANY)
def repeat(
    nn: Context, self: Value, repeats: Sequence[int] = (), dims: Sequence[int] = ()
) -> Value:
    """
    repeat(Tensor self, SymInt[] repeats) -> Tensor
    tile(Tensor self, SymInt[] dims) -> Tensor
    """
    counts = list(repeats or dims)
    rank = nn.out.rank
    counts = [1] * (rank - len(counts)) + counts
    grown = nn.reshape(self, (1,) * (rank - self.rank) + tuple(self.shape))
    return tiled(nn, grown, counts)


@lowering(aten.repeat_interleave.self_int, layout=Layout.ANY)
def repeat_interleave(
    nn: Context, self: Value, repeats: int, dim: int | None, output_size: int | None
) -> Value:
    """repeat_interleave.self_int(Tensor self, SymInt repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor"""
    if dim is None:
        self = nn.reshape(self, (self.spec.count,))
    dim = (dim or 0) % max(self.rank, 1)
    shape = self.static_shape or (1,)
    split = nn.reshape(self, (*shape[: dim + 1], 1, *shape[dim + 1 :]))
    counts = [repeats if one == dim + 1 else 1 for one in range(len(shape) + 1)]
    return nn.reshape(tiled(nn, split, counts), nn.out.shape)


def expanded(nn: Context, value: Value, shape: Sequence[Dim]) -> Value:
    """``value.broadcast_to(shape)``; free for a constant."""
    if tuple(value.shape) == tuple(shape):
        return value
    if isinstance(value.source, Constant):
        sizes = tuple(dim for dim in shape if isinstance(dim, int))
        if len(sizes) < len(shape):
            raise Unsupported("a constant expanded to a free dimension")
        repeated = value.source.map(
            lambda array: np.broadcast_to(array, sizes), key=("expand", sizes), shape=sizes
        )
        return evolve(
            value, spec=evolve(value.spec, shape=sizes, order=Order.TORCH), source=repeated
        )
    grown = nn.reshape(value, (1,) * (len(shape) - value.rank) + tuple(value.shape))
    counts: list[int] = []
    for have, want in zip(grown.shape, shape, strict=True):
        if have == want:
            counts.append(1)
        elif isinstance(want, int):
            counts.append(want)
        else:
            raise Unsupported("expanding to a free dimension", shape=[str(dim) for dim in shape])
    return tiled(nn, grown, counts)


def tiled(nn: Context, value: Value, counts: Sequence[int]) -> Value:
    """``value.repeat(counts)``, with one count for each dimension."""
    if all(count == 1 for count in counts):
        return value
    if value.dtype is torch.bool:
        return nn.carried([value], lambda v: tiled(nn, v[0], counts))
    rank = value.rank
    if nn.level < 29 or rank > 4:
        for dim, count in enumerate(counts):
            value = _copies(nn, value, dim, count)
        return value
    shape = [size * count for size, count in zip(value.static_shape, counts, strict=True)]
    multiples = list(value.order.physical(counts))
    return nn.emit(ops.TILE, input=value, multiples=multiples, shape=shape).bounded(value.bounds)


def _copies(nn: Context, value: Value, dim: int, count: int) -> Value:
    """``count`` copies one after another along ``dim``."""
    if count == 1:
        return value
    if nn.level < 29:
        if count > _MOST_COPIES:
            raise Unsupported("so many copies need TILE, of feature level 29", copies=count)
        return joined(nn, [value] * count, dim)
    view, axis = addressable(nn, value, dim)
    multiples = [1] * len(view.spec.stored_dims)
    multiples[view.axis(axis).index] = count
    shape = resized(view.shape, axis, view.static_shape[axis] * count)
    copies = nn.emit(ops.TILE, input=view, multiples=multiples, shape=shape)
    whole = resized(value.shape, dim, value.static_shape[dim] * count)
    return nn.reshape(copies.bounded(value.bounds), whole)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
