"""Adaptive pooling: a given number of windows, whose sizes may differ by one."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from itertools import pairwise

import torch
from attrs import evolve

from nnapi_core.plugin import (
    Context,
    Layout,
    Limitation,
    Lowering,
    Order,
    Unsupported,
    Value,
    fixed,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
    product,
)
from nnapi_ops.convolution._images import as_plane, from_image, plane_out
from nnapi_ops.convolution._windows import Span, per_dimension, windowed
from nnapi_ops.pooling._max_pool_indices import indices_of_largest
from nnapi_ops.reduction._reduce_dims import reduced
from nnapi_ops.shape._split_and_concat import crop, join

aten = torch.ops.aten
_INDICES = Limitation(
    "indices of the largest elements, where they are used: in windows of unequal sizes, or below feature level 29"
)
_INDICES_3D = Limitation("indices of the largest elements, where they are used")
_UNEQUAL = Limitation("windows of unequal sizes", level=28)
# Unequal windows are pooled one by one.
_MOST_WINDOWS = 64


class Pool(Enum):
    """The operation for windows, and the one for whole dimensions."""

    AVERAGE = (ops.AVERAGE_POOL_2D, ops.MEAN)
    MAX = (ops.MAX_POOL_2D, ops.REDUCE_MAX)


@lowering(aten.adaptive_avg_pool1d.default, layout=Layout.TORCH, limitations=[_UNEQUAL])
def adaptive_avg_pool1d(nn: Context, self: Value, output_size: Sequence[int]) -> Value:
    """
    adaptive_avg_pool1d(Tensor self, int[1] output_size) -> Tensor
    """
    return _adaptive(nn, Pool.AVERAGE, self, 1)


@lowering(
    aten.adaptive_avg_pool2d.default,
    aten._adaptive_avg_pool2d.default,
    layout=Layout.IMAGE,
    limitations=[_UNEQUAL],
)
def adaptive_avg_pool2d(nn: Context, self: Value, output_size: Sequence[int]) -> Value:
    """
    adaptive_avg_pool2d(Tensor self, SymInt[2] output_size) -> Tensor
    _adaptive_avg_pool2d(Tensor self, SymInt[2] output_size) -> Tensor
    """
    return _adaptive(nn, Pool.AVERAGE, self, 2)


@lowering(aten.adaptive_max_pool1d.default, layout=Layout.TORCH, limitations=[_UNEQUAL, _INDICES])
def adaptive_max_pool1d(
    nn: Context, self: Value, output_size: Sequence[int]
) -> tuple[Value, Value | None]:
    """
    adaptive_max_pool1d(Tensor self, int[1] output_size) -> (Tensor, Tensor)
    """
    return _adaptive(nn, Pool.MAX, self, 1), _indices(nn, self, 1)


@lowering(aten.adaptive_max_pool2d.default, layout=Layout.IMAGE, limitations=[_UNEQUAL, _INDICES])
def adaptive_max_pool2d(
    nn: Context, self: Value, output_size: Sequence[int]
) -> tuple[Value, Value | None]:
    """
    adaptive_max_pool2d(Tensor self, int[2] output_size) -> (Tensor, Tensor)
    """
    return _adaptive(nn, Pool.MAX, self, 2), _indices(nn, self, 2)


@lowering(
    aten.adaptive_max_pool3d.default, layout=Layout.TORCH, limitations=[_UNEQUAL, _INDICES_3D]
)
def adaptive_max_pool3d(nn: Context, self: Value, output_size: Sequence[int]) -> tuple[Value, None]:
    """
    adaptive_max_pool3d(Tensor self, int[3] output_size) -> (Tensor, Tensor)
    Height and width of each slice first, and then the depth, with height and width as one dimension.
    """
    *outer, depth, height, width = self.static_shape
    count, (down, *across) = product(outer), per_dimension(output_size, 3)
    slices = nn.reshape(self, (product((count, depth)), 1, height, width))
    flat = _plane(nn, Pool.MAX, nn.arrange(slices, Order.CHANNELS_LAST), across)
    whole = nn.reshape(flat, (count, 1, depth, across[0] * across[1]))
    columns = nn.arrange(whole, Order.CHANNELS_LAST)
    pooled = _plane(nn, Pool.MAX, columns, (down, across[0] * across[1]))
    return from_image(nn, pooled), None


def _adaptive(nn: Context, kind: Pool, input: Value, spatial: int) -> Value:
    plane, out = as_plane(nn, input, spatial), plane_out(nn, spatial)
    return from_image(nn, _plane(nn, kind, plane, fixed(out.shape[2:])))


def _indices(nn: Context, input: Value, spatial: int) -> Value | None:
    """Of the largest elements, where somebody reads them."""
    if not nn.wanted[1]:
        return None
    plane, out = as_plane(nn, input, spatial), plane_out(nn, spatial)
    steps = fixed(out.shape[2:])
    sizes = fixed(plane.shape[2:])
    spans = [_regular(size, count) for size, count in zip(sizes, steps, strict=True)]
    height, width = spans
    if height is None or width is None:
        raise Unsupported(
            "indices of the largest elements in windows of unequal sizes; let output_size divide the image",
            sizes=sizes,
            windows=steps,
        )
    pooled = _pool(nn, Pool.MAX, plane, height, width)
    found = indices_of_largest(nn, plane, pooled, height, width, spatial=spatial)
    return from_image(nn, found)


def _plane(nn: Context, kind: Pool, plane: Value, steps: Sequence[int]) -> Value:
    """``steps`` windows over the height and over the width."""
    if tuple(steps) == (1, 1) and not all(isinstance(size, int) for size in plane.shape[2:]):
        # Of whatever size it is.
        return reduced(nn, kind.value[1], plane, [2, 3], keepdim=True)
    sizes = fixed(plane.shape[2:])
    spans = [_regular(size, count) for size, count in zip(sizes, steps, strict=True)]
    if all(span is not None for span in spans):
        height, width = (span or Span(1) for span in spans)
        return _pool(nn, kind, plane, height, width)
    # A mean of means over windows that form a grid is their mean.
    for dim, (size, count, span) in enumerate(zip(sizes, steps, spans, strict=True), 2):
        plane = _along(nn, kind, plane, dim, size, count, span)
    return plane


def _windows(size: int, count: int) -> list[tuple[int, int]]:
    """Where each window begins and ends."""
    return [(index * size // count, -(-(index + 1) * size // count)) for index in range(count)]


def _regular(size: int, count: int) -> Span | None:
    """The windows as equal ones at equal distances, if they are."""
    windows = _windows(size, count)
    lengths = {end - start for start, end in windows}
    starts = [start for start, _ in windows]
    distances = {after - before for before, after in pairwise(starts)}
    if len(lengths) > 1 or len(distances) > 1 or 0 in distances:
        return None
    return Span(lengths.pop(), distances.pop() if distances else 1)


def _along(
    nn: Context, kind: Pool, plane: Value, dim: int, size: int, count: int, span: Span | None
) -> Value:
    """One dimension pooled."""
    if span is not None:
        return _pool(nn, kind, plane, *_oriented(dim, span))
    if count > _MOST_WINDOWS:
        raise Unsupported("too many windows of unequal sizes", windows=count, size=size)
    pooled = [
        _pool(
            nn, kind, crop(nn, plane, dim, start, end - start), *_oriented(dim, Span(end - start))
        )
        for start, end in _windows(size, count)
    ]
    return join(nn, pooled, dim)


def _oriented(dim: int, span: Span) -> tuple[Span, Span]:
    return (span, Span(1)) if dim == 2 else (Span(1), span)


def _pool(nn: Context, kind: Pool, plane: Value, height: Span, width: Span) -> Value:
    if height.kernel == width.kernel == height.stride == width.stride == 1:
        return plane
    sizes = (height.steps(plane.shape[2]), width.steps(plane.shape[3]))
    out = evolve(plane.spec, shape=(*plane.shape[:2], *sizes))
    return windowed(nn, kind.value[0], plane, height, width, out)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
