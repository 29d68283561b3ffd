"""Maxima of regions of feature maps.

NNAPI adds a region's first cell to the ends of its parts before it rounds them, torchvision after; where that is the
same for every region, ROI_POOLING takes them as they are, else each part is a region of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

import nnapi_core.detection.operators  # noqa: F401 (defines the operators)
from nnapi_core.detection.roi_align_pool import nearest_cells, part_ends
from nnapi_core.plugin import (
    Context,
    Layout,
    Limitation,
    Lowering,
    Order,
    Unsupported,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.detection._fixed_size_results import columns
from nnapi_ops.detection._roi_operands import (
    COMPUTED,
    are_inside,
    check_types,
    clipped,
    images_of,
    operands,
    points,
    regions_between,
)

_PLACES = Limitation("torchvision's roi_pool where the positions of the maxima are read")
_INFINITE = Limitation(
    "roi_pool: maps have no -inf, of which torchvision makes the least finite number"
)
_FAR = Limitation("roi_pool: the corners of regions are within 2 ** 22 cells of the map")


@lowering(torch.ops.nnapi.roi_pool.default, layout=Layout.IMAGE, in_floats=COMPUTED)
def roi_pool_inside(
    nn: Context,
    input: Value,
    boxes: Value,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
) -> Value:
    """roi_pool(Tensor input, Tensor boxes, float spatial_scale, int pooled_height, int pooled_width) -> Tensor"""
    check_types(input, boxes)
    within = clipped(nn, input, boxes, spatial_scale)
    size = (pooled_height, pooled_width)
    if _rounds_alike(input, spatial_scale, size):
        return _pooled(nn, input, within, spatial_scale, size)
    first = nn.constant(np.zeros((boxes.static_shape[0], 1)))
    return _pooled_by_bins(nn, input, first, columns(nn, within), spatial_scale, size)


@lowering(
    torch.ops.torchvision.roi_pool.default,
    layout=Layout.IMAGE,
    limitations=[_PLACES, _FAR, _INFINITE],
    in_floats=COMPUTED,
)
def roi_pool(
    nn: Context,
    input: Value,
    rois: Value,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
) -> tuple[Value, None]:
    """roi_pool(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width) -> (Tensor, Tensor)"""
    check_types(input, rois)
    if nn.wanted[1]:
        raise Unsupported("NNAPI's ROI_POOLING does not say where the maxima are")
    size = (pooled_height, pooled_width)
    if rois.is_constant and _rounds_alike(input, spatial_scale, size):
        array = rois.array()
        boxes = array[:, 1:].copy()
        if are_inside(input, boxes, spatial_scale):
            batch = nn.constant(array[:, 0].astype(np.int32), torch.int32)
            return _pooled(nn, input, nn.constant(boxes), spatial_scale, size, batch), None
    index, *corners = columns(nn, rois)
    return _pooled_by_bins(nn, input, index, corners, spatial_scale, size), None


def _pooled(
    nn: Context,
    input: Value,
    boxes: Value,
    scale: float,
    size: tuple[int, int],
    batch: Value | None = None,
) -> Value:
    given = operands(nn, input, boxes, scale, *size, batch)
    return nn.emit(ops.ROI_POOLING, **given, nchw=False, out=nn.outs[0])


def _rounds_alike(input: Value, scale: float, size: tuple[int, int]) -> bool:
    """Are NNAPI's roundings torchvision's for every region? An integer scale, and parts that end alike."""
    if np.float32(1) / np.float32(1 / scale) != np.float32(scale):
        return False
    for parts, cells in zip(size, input.static_shape[2:], strict=True):
        starts = np.arange(cells + 1, dtype=np.float32)[:, None]
        step = np.arange(1, cells + 2, dtype=np.float32) / np.float32(parts)
        for part in range(parts):
            for number, rounded in ((part, np.floor), (part + 1, np.ceil)):
                end = step * np.float32(number)
                ours, theirs = rounded(end + starts), rounded(end) + starts
                if (np.minimum(ours, cells) != np.minimum(theirs, cells)).any():
                    return False
    return True


# ---- part by part


def _pooled_by_bins(
    nn: Context,
    input: Value,
    index: Value,
    corners: Sequence[Value],
    scale: float,
    size: tuple[int, int],
) -> Value:
    """Each part becomes a region of whole cells, whose maximum is taken; those without a cell are zeros."""
    images, channels, height, width = input.static_shape
    count = index.static_shape[0]
    x1, y1, x2, y2 = corners
    rows = _cells(nn, y1, y2, scale, size[0], height)
    across = _cells(nn, x1, x2, scale, size[1], width)
    grid = (count, *size)
    total = count * size[0] * size[1]
    first, last, empty = zip(rows, across, strict=True)
    boxes = regions_between(nn, points(nn, first, grid, 0.0), points(nn, last, grid, 0.0))
    batch = images_of(nn, index, images, size[0] * size[1])
    maxima = nn.emit(
        ops.ROI_POOLING,
        **operands(nn, input, boxes, 1.0, 1, 1, batch),
        nchw=False,
        shape=(total, channels, 1, 1),
    )
    parts = nn.reshape(nn.arrange(maxima, Order.TORCH), (*grid, channels))
    pooled = nn.arrange(nn.permute(parts, (0, 3, 1, 2)), Order.CHANNELS_LAST)
    for one, shape in zip(empty, ((count, 1, size[0], 1), (count, 1, 1, size[1])), strict=True):
        pooled = _zero_where(nn, pooled, one, shape)
    return pooled


def _cells(
    nn: Context, start: Value, end: Value, scale: float, bins: int, cells: int
) -> tuple[Value, Value, Value]:
    """Along one axis, of each part of each region [N, parts]: its first cell and its last, and whether it has any."""
    if start.is_constant:
        first, last = (
            nearest_cells(torch.from_numpy(one.array()[:, 0]), scale).tolist()
            for one in (start, end)
        )
        ends = [part_ends(*pair, bins, cells) for pair in zip(first, last, strict=True)]
        low, high = np.array(ends, np.float32).transpose(2, 0, 1)
        last_cell = np.maximum(low.clip(0, cells - 1), high - 1)
        empty = nn.constant(low >= high, torch.bool)
        return nn.constant(low.clip(0, cells - 1)), nn.constant(last_cell), empty
    from_cell, to_cell = (_nearest(nn, one, scale) for one in (start, end))
    one_cell, none = nn.constant([1.0]), nn.constant([0.0])
    length = nn.emit(ops.ADD, a=nn.emit(ops.SUB, a=to_cell, b=from_cell), b=one_cell)
    length = nn.emit(ops.MAXIMUM, a=length, b=one_cell)
    step = nn.emit(ops.DIV, a=length, b=nn.constant([float(bins)]))
    begins = nn.emit(ops.MUL, a=step, b=nn.constant(np.arange(bins)[None]))
    # What is rounded up is rounded down with the other sign.
    below = nn.emit(ops.MUL, a=step, b=nn.constant(-np.arange(1, bins + 1)[None]))
    begin = nn.emit(ops.ADD, a=nn.emit(ops.FLOOR, input=begins), b=from_cell)
    end_ = nn.emit(ops.SUB, a=from_cell, b=nn.emit(ops.FLOOR, input=below))
    most = nn.constant([float(cells)])
    begin, end_ = (
        nn.emit(ops.MINIMUM, a=nn.emit(ops.MAXIMUM, a=one, b=none), b=most) for one in (begin, end_)
    )
    is_empty = nn.emit(ops.GREATER_EQUAL, a=begin, b=end_)
    begin = nn.emit(ops.MINIMUM, a=begin, b=nn.constant([float(cells - 1)]))
    final = nn.emit(ops.MAXIMUM, a=begin, b=nn.emit(ops.SUB, a=end_, b=one_cell))
    return begin, final, is_empty


def _nearest(nn: Context, coordinate: Value, scale: float) -> Value:
    """The nearest whole number; halves go away from zero."""
    at = nn.emit(ops.MUL, a=coordinate, b=nn.constant([scale]))
    size = nn.emit(ops.ABS, input=at)
    whole = nn.emit(ops.FLOOR, input=size)
    rest = nn.emit(ops.SUB, a=size, b=whole)
    up = nn.emit(ops.GREATER_EQUAL, a=rest, b=nn.constant([0.5]))
    whole = nn.emit(ops.ADD, a=whole, b=nn.cast(up, torch.float32))
    negative = nn.emit(ops.LESS, a=at, b=nn.constant([0.0]))
    other = nn.emit(ops.MUL, a=whole, b=nn.constant([-1.0]))
    return nn.emit(ops.SELECT, mask=negative, a=other, b=whole)


def _zero_where(nn: Context, pooled: Value, empty: Value, shape: tuple[int, ...]) -> Value:
    """Zeros along one axis where a part is ``empty`` [N, parts]: no number is above or below these."""
    if empty.is_constant and not empty.array().any():
        return pooled
    if pooled.quant is not None:
        raise Unsupported("regions with parts beyond the map")
    for limit, bound in ((ops.MINIMUM, np.inf), (ops.MAXIMUM, -np.inf)):
        if empty.is_constant:
            limits = nn.constant(np.where(empty.array(), 0.0, bound))
        else:
            zeros, bounds = (nn.full(empty, v, torch.float32) for v in (0.0, bound))
            limits = nn.emit(ops.SELECT, mask=empty, a=zeros, b=bounds)
        limits = nn.arrange(nn.reshape(limits, shape), Order.CHANNELS_LAST)
        pooled = nn.emit(limit, a=pooled, b=limits)
    return pooled


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
