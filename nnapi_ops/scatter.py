"""Tensors with some elements replaced."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from attrs import evolve

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
from nnapi_ops.arithmetic import plus, times
from nnapi_ops.choice import chosen
from nnapi_ops.expand import expanded
from nnapi_ops.index import indexed
from nnapi_ops.limits import larger, smaller
from nnapi_ops.lookup import known_positions, looked_up
from nnapi_ops.picking import Run, joined, sliced
from nnapi_ops.promotion import Number, operand
from nnapi_ops.slice import run_of

aten = torch.ops.aten

# Places that the model computes are compared with all there are, one comparison for each place along the dimension.
_MOST_COMPARED = 32

_CONSTANT = Limitation(
    f"places that the model computes: up to {_MOST_COMPARED} along the dimension; index_put takes constant ones"
)

Combine = Callable[[Context, Value, Value], Value]
_REDUCTIONS: dict[str, Combine] = {
    "sum": plus, "add": plus, "prod": times, "multiply": times, "amax": larger, "amin": smaller,
}  # fmt: skip


@lowering(aten.scatter.value, aten.scatter.src, layout=Layout.TORCH, limitations=[_CONSTANT])
def scatter(
    nn: Context,
    self: Value,
    dim: int,
    index: Value,
    value: Number = 0,
    src: Value | None = None,
) -> Value:
    """
    scatter.value(Tensor self, int dim, Tensor index, Scalar value) -> Tensor
    scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor
    """
    return _scattered(nn, self, dim, index, value if src is None else src, lambda nn, old, new: new)


@lowering(
    aten.scatter_add.default,
    aten.scatter.reduce,
    aten.scatter.value_reduce,
    aten.scatter_reduce.two,
    layout=Layout.TORCH,
    limitations=[_CONSTANT],
)
def scatter_reduce(
    nn: Context,
    self: Value,
    dim: int,
    index: Value,
    src: Value | None = None,
    value: Number = 0,
    reduce: str = "sum",
    include_self: bool = True,
) -> Value:
    """
    scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor
    scatter.reduce(Tensor self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor
    scatter.value_reduce(Tensor self, int dim, Tensor index, Scalar value, *, str reduce) -> Tensor
    scatter_reduce.two(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True) -> Tensor
    """
    if reduce not in _REDUCTIONS or not include_self:
        raise Unsupported("this reduction", reduce=reduce, include_self=include_self)
    new = value if src is None else src
    return _scattered(nn, self, dim, index, new, _REDUCTIONS[reduce])


@lowering(aten.slice_scatter.default, layout=Layout.SAME)
def slice_scatter(
    nn: Context, self: Value, src: Value, dim: int, start: int | None, end: int | None, step: int
) -> Value:
    """slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor"""
    run = run_of(self, dim, start, end, step)
    src = nn.cast(src, self.dtype)
    size = self.static_shape[dim]
    if run.step != 1:
        order = list(range(size))
        for place, position in enumerate(range(run.start, run.start + run.count * step, step)):
            order[position] = size + place
        both = joined(nn, [self, src], dim)
        return looked_up(nn, both, dim, nn.constant(np.array(order), torch.int32))
    after = run.start + run.count
    pieces = [(self, Run(0, run.start)), (src, Run(0, run.count)), (self, Run(after, size - after))]
    return joined(nn, [sliced(nn, one, dim, part) for one, part in pieces if part.count], dim)


@lowering(aten.select_scatter.default, layout=Layout.TORCH)
def select_scatter(nn: Context, self: Value, src: Value, dim: int, index: int) -> Value:
    """select_scatter(Tensor self, Tensor src, int dim, SymInt index) -> Tensor"""
    dim %= self.rank
    size = self.static_shape[dim]
    index %= size
    row = nn.reshape(nn.cast(src, self.dtype), (*self.shape[:dim], 1, *self.shape[dim + 1 :]))
    pieces = [
        *([sliced(nn, self, dim, Run(0, index))] if index else []),
        row,
        *([sliced(nn, self, dim, Run(index + 1, size - index - 1))] if index < size - 1 else []),
    ]
    return joined(nn, pieces, dim)


@lowering(aten.index_put.default, layout=Layout.TORCH, limitations=[_CONSTANT])
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
    return _replaced(nn, self, target.reshape(-1), new)


@lowering(aten.diagonal_scatter.default, layout=Layout.TORCH)
def diagonal_scatter(
    nn: Context, self: Value, src: Value, offset: int, dim1: int, dim2: int
) -> Value:
    """diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor"""
    shape = self.static_shape
    places = np.arange(math.prod(shape)).reshape(shape)
    target = np.diagonal(places, offset, dim1, dim2)
    flat = nn.reshape(nn.cast(src, self.dtype), (target.size,))
    return _replaced(nn, self, target.reshape(-1), flat)


@lowering(aten.copy.default, layout=Layout.SAME)
def copy(nn: Context, self: Value, src: Value, non_blocking: bool) -> Value:
    """copy(Tensor self, Tensor src, bool non_blocking=False) -> Tensor"""
    return expanded(nn, nn.cast(src, self.dtype), self.shape)


def _scattered(
    nn: Context, value: Value, dim: int, index: Value, new: Value | Number, combine: Combine
) -> Value:
    """``new`` combined into ``value`` at the places that ``index`` holds along ``dim``."""
    if not value.rank:
        value = nn.reshape(value, (1,))
        index = nn.reshape(index, (1,))
        new = nn.reshape(new, (1,)) if isinstance(new, Value) else new
    shape, places = value.static_shape, index.static_shape
    dim %= len(shape)
    source = operand(nn, new, value.dtype)
    if source.rank:
        for axis, size in enumerate(places):
            source = sliced(nn, source, axis, Run(0, size))
    if index.is_constant and combine not in _REDUCTIONS.values():
        return nn.reshape(_put(nn, value, dim, index, source), nn.out.shape)
    if [size for one, size in enumerate(places) if one != dim] != [
        size for one, size in enumerate(shape) if one != dim
    ]:
        raise Unsupported("places for a part of the other dimensions only")
    if places[dim] > _MOST_COMPARED:
        raise Unsupported("this many places that the model computes", count=places[dim])
    index = known_positions(index, shape[dim])
    column = [1] * len(shape)
    column[dim] = shape[dim]
    numbers = nn.constant(np.arange(shape[dim]).reshape(column), torch.int32)
    for position in range(places[dim]):
        place = sliced(nn, index, dim, Run(position, 1))
        here = nn.emit(ops.EQUAL, a=numbers, b=place)
        one = sliced(nn, source, dim, Run(position, 1)) if source.rank else source
        value = chosen(nn, here, combine(nn, value, one), value)
    return nn.reshape(value, nn.out.shape)


def _put(nn: Context, value: Value, dim: int, index: Value, source: Value) -> Value:
    shape, places = value.static_shape, index.static_shape
    grid = list(np.indices(places))
    grid[dim] = index.array()
    target = np.ravel_multi_index(tuple(grid), shape)
    new = nn.reshape(expanded(nn, source, places), (target.size,))
    return _replaced(nn, value, target.reshape(-1), new)


def _replaced(nn: Context, value: Value, places: np.ndarray[Any, Any], new: Value) -> Value:
    """``value`` with its flat elements at ``places`` replaced: a choice from both, by position."""
    if len(np.unique(places)) != places.size:
        raise Unsupported("several new elements for one place")
    if not places.size:
        return value
    count = value.spec.count
    order = np.arange(count)
    order[places] = count + np.arange(places.size)
    if new.is_constant and new.spec.count and _is_uniform(new):
        mask = np.zeros(count, bool)
        mask[places] = True
        spec = evolve(new.spec, shape=())
        number = nn.constant(new.array().reshape(-1)[0], spec.dtype)
        return chosen(nn, nn.constant(mask.reshape(value.static_shape), torch.bool), number, value)
    both = joined(nn, [nn.reshape(value, (count,)), new], 0)
    found = looked_up(nn, both, 0, nn.constant(order, torch.int32))
    return nn.reshape(found, value.shape)


def _is_uniform(constant: Value) -> bool:
    array = constant.array().reshape(-1)
    return bool((array == array[0]).all())


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
