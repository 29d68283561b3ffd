"""How a NNAPI operation that takes axes is applied over any dimensions of a tensor of any rank."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch

from nnapi_core.plugin import (
    Context,
    Dim,
    OperationSpec,
    Order,
    TensorSpec,
    Unsupported,
    Value,
    ops,
)

Dims = int | Sequence[int] | None


def dims_of(value: Value, dim: Dims) -> list[int]:
    """The dimensions that torch's argument names: all of them for None and for an empty list."""
    given = [dim] if isinstance(dim, int) else list(dim or ())
    rank = max(value.rank, 1)
    return sorted({one % rank for one in given}) if given else list(range(rank))


def count_of(value: Value, dims: Sequence[int]) -> int:
    """How many elements make one of the result."""
    shape = value.static_shape or (1,)
    return math.prod(shape[dim] for dim in dims)


def reduced(
    nn: Context, spec: OperationSpec, value: Value, dims: Sequence[int], keepdim: bool
) -> Value:
    """``value`` reduced over ``dims`` by an operation that takes ``axes`` and ``keep_dims``."""
    if value.rank > 4:
        return _reduced_merged(nn, spec, value, dims, keepdim)
    kept = [dim for dim in value.order.permutation(value.rank) if dim not in dims]
    axes = [value.axis(dim).index for dim in dims]
    if kept == sorted(kept) and not keepdim:
        shape = tuple(value.shape[dim] for dim in kept)
        out = TensorSpec(shape, value.dtype, quant=value.quant)
        return nn.emit(spec, input=value, axes=axes, keep_dims=False, out=out)
    ones = _kept_shape(value, dims, keepdim=True)
    result = nn.emit(spec, input=value, axes=axes, keep_dims=True, shape=ones)
    return nn.reshape(result, _kept_shape(value, dims, keepdim))


def averaged(nn: Context, value: Value, dims: Sequence[int], keepdim: bool) -> Value:
    """The mean of floats over ``dims``."""
    if nn.level < 28:
        return _pooled(nn, value, dims, keepdim)
    return reduced(nn, ops.MEAN, value, dims, keepdim)


def summed(nn: Context, value: Value, dims: Sequence[int], keepdim: bool) -> Value:
    """The sum of floats over ``dims``."""
    if nn.level >= 29:
        return reduced(nn, ops.REDUCE_SUM, value, dims, keepdim)
    mean = averaged(nn, value, dims, keepdim)
    return nn.emit(ops.MUL, a=mean, b=nn.filled(mean, count_of(value, dims)))


def _reduced_merged(
    nn: Context, spec: OperationSpec, value: Value, dims: Sequence[int], keepdim: bool
) -> Value:
    """Above rank 4: neighbours that are reduced together, or kept together, count as one dimension."""
    sizes = value.static_shape
    runs = [list(run) for _, run in itertools.groupby(range(value.rank), lambda d: d in dims)]
    if len(runs) > 4:
        # What lies between the steps may be out of float16's range where the result is in it.
        dtype = value.dtype
        value = nn.cast(value, torch.float32) if dtype is torch.float16 else value
        for dim in reversed(dims):
            value = _reduced_merged(nn, spec, value, [dim], True)
        value = nn.cast(value, dtype)
        return nn.reshape(value, [s for d, s in enumerate(value.shape) if keepdim or d not in dims])
    view = nn.reshape(value, [math.prod(sizes[dim] for dim in run) for run in runs])
    axes = [index for index, run in enumerate(runs) if run[0] in dims]
    return nn.reshape(reduced(nn, spec, view, axes, False), _kept_shape(value, dims, keepdim))


def _kept_shape(value: Value, dims: Sequence[int], keepdim: bool) -> list[Dim]:
    if keepdim:
        return [1 if dim in dims else size for dim, size in enumerate(value.shape)]
    return [size for dim, size in enumerate(value.shape) if dim not in dims]


def _pooled(nn: Context, value: Value, dims: Sequence[int], keepdim: bool) -> Value:
    """The mean as a pooling over the whole image, which is what there was before level 28."""
    shape = value.static_shape or (1,)
    if value.order is Order.CHANNELS_LAST and list(dims) == [2, 3]:
        height, width = shape[2:]
        image, out = value, (*shape[:2], 1, 1)
    else:
        value = nn.arrange(value, Order.TORCH)
        first, last = dims[0], dims[-1]
        if list(dims) != list(range(first, last + 1)):
            raise Unsupported("means over separate dimensions need feature level 28", dims=dims)
        before, after = math.prod(shape[:first]), math.prod(shape[last + 1 :])
        height, width = math.prod(shape[first : last + 1]), 1
        image, out = nn.reshape(value, (before, height, 1, after)), (before, 1, 1, after)
    result = nn.emit(
        ops.AVERAGE_POOL_2D,
        input=image,
        padding_left=0,
        padding_right=0,
        padding_top=0,
        padding_bottom=0,
        stride_width=1,
        stride_height=1,
        filter_width=width,
        filter_height=height,
        shape=out,
    )
    return nn.reshape(result, _kept_shape(value, dims, keepdim))
