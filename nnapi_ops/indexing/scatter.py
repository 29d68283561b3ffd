"""Elements replaced, or combined with others, at positions along one dimension."""

from __future__ import annotations

from collections.abc import Callable

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
from nnapi_ops.arithmetic._type_promotion import Number, operand
from nnapi_ops.arithmetic.add_sub_mul import plus, times
from nnapi_ops.arithmetic.maximum_minimum import larger, smaller
from nnapi_ops.arithmetic.where_masked_fill import chosen
from nnapi_ops.indexing._fixed_scatter import replaced
from nnapi_ops.indexing._gather import known_positions
from nnapi_ops.shape._fixed_gather import Run, sliced
from nnapi_ops.shape.expand_repeat import expanded

aten = torch.ops.aten

# Places that the model computes are compared with all there are, one comparison for each place along the dimension.
MOST_COMPARED = 32

CONSTANT_PLACES = Limitation(
    f"places that the model computes: up to {MOST_COMPARED} along one dimension"
)

Combine = Callable[[Context, Value, Value], Value]

_REDUCTIONS: dict[str, Combine] = {
    "sum": plus, "add": plus, "prod": times, "multiply": times, "amax": larger, "amin": smaller,
}  # fmt: skip


@lowering(aten.scatter.value, aten.scatter.src, layout=Layout.TORCH, limitations=[CONSTANT_PLACES])
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
    limitations=[CONSTANT_PLACES],
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
    if places[dim] > MOST_COMPARED:
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
    return replaced(nn, value, target.reshape(-1), new)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
