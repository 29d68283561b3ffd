"""Sums, means, products and extremes over dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Lowering,
    OperationSpec,
    Order,
    TensorSpec,
    Unsupported,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)

aten = torch.ops.aten

Dims = int | Sequence[int] | None


@lowering(aten.mean.dim, aten.mean.default, layout=Layout.ANY)
def mean(
    nn: Context,
    self: Value,
    dim: Dims = None,
    keepdim: bool = False,
    dtype: torch.dtype | None = None,
) -> Value:
    """
    mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor
    mean(Tensor self, *, ScalarType? dtype=None) -> Tensor
    """
    return averaged(nn, nn.cast(self, nn.out.dtype), dims_of(self, dim), keepdim)


def averaged(nn: Context, value: Value, dims: Sequence[int], keepdim: bool) -> Value:
    """The mean over ``dims``."""
    if nn.level < 28:
        return _pooled(nn, value, dims, keepdim)
    return reduced(nn, ops.MEAN, value, dims, keepdim)


def dims_of(value: Value, dim: Dims) -> list[int]:
    """The dimensions that torch's argument names: all of them for None and for an empty list."""
    given = [dim] if isinstance(dim, int) else list(dim or ())
    rank = max(value.rank, 1)
    return sorted(one % rank for one in given) if given else list(range(rank))


def reduced(
    nn: Context, spec: OperationSpec, value: Value, dims: Sequence[int], keepdim: bool
) -> Value:
    """``value`` reduced over ``dims`` by a NNAPI operation that takes axes."""
    kept = [dim for dim in value.order.permutation(value.rank) if dim not in dims]
    in_order = kept == sorted(kept)
    axes = [value.axis(dim).index for dim in dims]
    if in_order and not keepdim:
        shape = [value.shape[dim] for dim in kept]
        out = TensorSpec(tuple(shape), value.dtype, quant=value.quant)
        return nn.emit(spec, input=value, axes=axes, keep_dims=False, out=out)
    ones = [1 if dim in dims else size for dim, size in enumerate(value.shape)]
    result = nn.emit(spec, input=value, axes=axes, keep_dims=True, shape=ones)
    return result if keepdim else nn.reshape(result, [value.shape[dim] for dim in sorted(kept)])


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
        before, after = _count(shape[:first]), _count(shape[last + 1 :])
        height, width = _count(shape[first : last + 1]), 1
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
    ones = [1 if dim in dims else size for dim, size in enumerate(value.shape)]
    return nn.reshape(result, ones if keepdim else [s for d, s in enumerate(ones) if d not in dims])


def _count(sizes: Sequence[int]) -> int:
    return int(torch.Size(sizes).numel())


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
