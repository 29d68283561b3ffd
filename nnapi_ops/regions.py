"""Regions of feature maps as images of one size.

NNAPI takes regions inside of their map only, and reads the last cell for samples beyond it, which are zeros to
torchvision.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from attrs import frozen

import nnapi_core.detection.operators  # noqa: F401 (defines the operators)
from nnapi_core.detection.regions import largest_inside
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
from nnapi_ops.found import columns, floats_only, side_by_side

_ADAPTIVE = Limitation(
    "torchvision's roi_align of regions that the model computes, without a sampling ratio: how many "
    "samples there are is known only when it runs; nnapi::roi_align clips regions to the map, and takes them"
)
_BEYOND = Limitation(
    "torchvision's roi_pool of regions that the model computes: NNAPI takes none that leave the map; "
    "nnapi::roi_pool clips them"
)


@frozen
class Axis:
    """One side of the regions: where they start and how long they are, in cells, and how they are cut."""

    start: Value
    length: Value
    parts: int
    samples: int
    cells: int

    def positions(self, nn: Context) -> Value:
        """Of each sample, [N, parts * samples], by torchvision's roundings."""
        part = np.repeat(np.arange(self.parts), self.samples)[None]
        within = np.tile(np.arange(self.samples), self.parts)[None] + 0.5
        step = nn.emit(ops.DIV, a=self.length, b=nn.constant([float(self.parts)]))
        first = nn.emit(ops.ADD, a=self.start, b=nn.emit(ops.MUL, a=step, b=nn.constant(part)))
        rest = nn.emit(ops.MUL, a=step, b=nn.constant(within))
        share = nn.emit(ops.DIV, a=rest, b=nn.constant([float(self.samples)]))
        return nn.emit(ops.ADD, a=first, b=share)


@lowering(torch.ops.nnapi.roi_align.default, layout=Layout.IMAGE)
def roi_align_inside(
    nn: Context,
    input: Value,
    boxes: Value,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
) -> Value:
    """
    roi_align(Tensor input, Tensor boxes, float spatial_scale, int pooled_height, int pooled_width, int sampling_ratio) -> Tensor

    A region that is thinner than a cell counts as one cell. Where that leads beyond the map, all of its samples are
    on the last cell there, so torchvision's average is NNAPI's times the share of samples on the map.
    """
    floats_only(input=input, boxes=boxes)
    samples = max(sampling_ratio, 0)
    corners = _inside(nn, input, boxes, spatial_scale)
    averages = nn.emit(
        ops.ROI_ALIGN,
        **_operands(nn, input, corners, spatial_scale, pooled_height, pooled_width),
        samples_h=samples,
        samples_w=samples,
        nchw=False,
        out=nn.out,
    )
    x1, y1, x2, y2 = (
        nn.emit(ops.MUL, a=one, b=nn.constant([spatial_scale])) for one in columns(nn, corners)
    )
    _, _, height, width = input.static_shape
    one_cell = nn.constant([1.0])
    for start, end, cells, parts, place in (
        (y1, y2, height, pooled_height, 2),
        (x1, x2, width, pooled_width, 3),
    ):
        length = nn.emit(ops.MAXIMUM, a=nn.emit(ops.SUB, a=end, b=start), b=one_cell)
        axis = Axis(start, length, parts, max(samples, 1), cells)
        share = _share(nn, axis)
        shape = [boxes.static_shape[0], 1, 1, 1]
        shape[place] = parts
        factor = nn.arrange(nn.reshape(share, shape), Order.CHANNELS_LAST)
        averages = nn.emit(ops.MUL, a=averages, b=factor)
    return averages


def _share(nn: Context, axis: Axis) -> Value:
    """How many of the samples of each part are on the map, as a fraction: [N, parts]."""
    on_map = nn.emit(ops.LESS_EQUAL, a=axis.positions(nn), b=nn.constant([float(axis.cells)]))
    counted = nn.cast(on_map, torch.float32)
    if axis.samples == 1:
        return counted
    count = counted.static_shape[0]
    each = nn.reshape(counted, (count, axis.parts, axis.samples))
    return nn.emit(ops.MEAN, input=each, axes=[2], keep_dims=0, shape=(count, axis.parts))


@lowering(torch.ops.torchvision.roi_align.default, layout=Layout.IMAGE, limitations=[_ADAPTIVE])
def roi_align(
    nn: Context,
    input: Value,
    rois: Value,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
    aligned: bool,
) -> Value:
    """
    roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width, int sampling_ratio, bool aligned) -> Tensor

    Regions may lie anywhere, so each sample becomes a region of its own: one cell around the place on the map
    that torchvision reads. What is too far out counts as zero, and averages are taken afterwards.
    """
    floats_only(input=input, rois=rois)
    if sampling_ratio <= 0:
        raise Unsupported(
            "a sampling ratio that depends on the regions", sampling_ratio=sampling_ratio
        )
    images, channels, height, width = input.static_shape
    count = rois.static_shape[0]
    index, *corners = columns(nn, rois)
    scale, offset = nn.constant([spatial_scale]), nn.constant([0.5])
    x1, y1, x2, y2 = (nn.emit(ops.MUL, a=one, b=scale) for one in corners)
    if aligned:
        x1, y1, x2, y2 = (nn.emit(ops.SUB, a=one, b=offset) for one in (x1, y1, x2, y2))
    places, counted = [], []
    for start, end, parts, cells in (
        (y1, y2, pooled_height, height),
        (x1, x2, pooled_width, width),
    ):
        length = nn.emit(ops.SUB, a=end, b=start)
        if not aligned:
            length = nn.emit(ops.MAXIMUM, a=length, b=nn.constant([1.0]))
        at = Axis(start, length, parts, sampling_ratio, cells).positions(nn)
        on_map = nn.emit(
            ops.LOGICAL_AND,
            a=nn.emit(ops.GREATER_EQUAL, a=at, b=nn.constant([-1.0])),
            b=nn.emit(ops.LESS_EQUAL, a=at, b=nn.constant([float(cells)])),
        )
        counted.append(nn.cast(on_map, torch.float32))
        at = nn.emit(ops.MAXIMUM, a=at, b=nn.constant([0.0]))
        places.append(nn.emit(ops.MINIMUM, a=at, b=nn.constant([float(cells - 1)])))
    rows, across = pooled_height * sampling_ratio, pooled_width * sampling_ratio
    total = count * rows * across
    samples = nn.emit(
        ops.ROI_ALIGN,
        input=_with_margin(nn, input),
        rois=_points(nn, places, (count, rows, across)),
        batch_index=_images_of(nn, index, images, rows * across),
        height=1,
        width=1,
        ratio_h=1.0,
        ratio_w=1.0,
        samples_h=1,
        samples_w=1,
        nchw=False,
        shape=(total, channels, 1, 1),
    )
    grid = nn.permute(
        nn.reshape(nn.arrange(samples, Order.TORCH), (count, rows, across, channels)), (0, 3, 1, 2)
    )
    grid = nn.arrange(grid, Order.CHANNELS_LAST)
    for one, shape in zip(counted, ((count, 1, rows, 1), (count, 1, 1, across)), strict=True):
        factor = nn.arrange(nn.reshape(one, shape), Order.CHANNELS_LAST)
        grid = nn.emit(ops.MUL, a=grid, b=factor)
    if sampling_ratio == 1:
        return grid
    return nn.emit(
        ops.AVERAGE_POOL_2D,
        input=grid,
        padding_scheme=2,
        stride_width=sampling_ratio,
        stride_height=sampling_ratio,
        filter_width=sampling_ratio,
        filter_height=sampling_ratio,
        activation=0,
        out=nn.out,
    )


def _with_margin(nn: Context, input: Value) -> Value:
    """The map with a row above and a column to the left, so that a region around its first cell is inside."""
    images, channels, height, width = input.static_shape
    return nn.emit(
        ops.PAD,
        input=input,
        paddings=nn.constant([[0, 0], [1, 0], [1, 0], [0, 0]], torch.int32),
        shape=(images, channels, height + 1, width + 1),
    )


def _points(nn: Context, places: list[Value], grid: tuple[int, int, int]) -> Value:
    """Regions without area half a cell before each place on the map with a margin: [N * rows * columns, 4].

    NNAPI makes them one cell long, and the one sample in its middle is the place.
    """
    count, rows, across = grid
    zeros = nn.constant(np.full((count, rows, across, 1), 0.5))
    y, x = (
        nn.emit(ops.ADD, a=zeros, b=nn.reshape(one, shape), shape=(*grid, 1))
        for one, shape in zip(places, ((count, rows, 1, 1), (count, 1, across, 1)), strict=True)
    )
    return nn.reshape(side_by_side(nn, [x, y, x, y]), (count * rows * across, 4))


def _images_of(nn: Context, index: Value, images: int, repeats: int) -> Value:
    """The image of each sample, of regions that name theirs by a float."""
    count = index.static_shape[0]
    if images == 1:
        return nn.constant(np.zeros(count * repeats), torch.int32)
    flat = nn.reshape(index, (count,))
    whole = nn.emit(ops.CAST, input=flat, shape=(count,), dtype=torch.int32)
    at = nn.constant(np.repeat(np.arange(count), repeats), torch.int32)
    return nn.emit(
        ops.GATHER, input=whole, axis=whole.axis(0), indices=at, shape=(count * repeats,)
    )


@lowering(torch.ops.nnapi.roi_pool.default, layout=Layout.IMAGE)
def roi_pool_inside(
    nn: Context,
    input: Value,
    boxes: Value,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
) -> Value:
    """roi_pool(Tensor input, Tensor boxes, float spatial_scale, int pooled_height, int pooled_width) -> Tensor"""
    floats_only(input=input, boxes=boxes)
    _check_roundings(input, spatial_scale, pooled_height, pooled_width)
    return _pooled(
        nn,
        input,
        _inside(nn, input, boxes, spatial_scale),
        spatial_scale,
        pooled_height,
        pooled_width,
    )


@lowering(torch.ops.torchvision.roi_pool.default, layout=Layout.IMAGE, limitations=[_BEYOND])
def roi_pool(
    nn: Context,
    input: Value,
    rois: Value,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
) -> tuple[Value, None]:
    """roi_pool(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width) -> (Tensor, Tensor)"""
    floats_only(input=input, rois=rois)
    if nn.wanted[1]:
        raise Unsupported("NNAPI's ROI_POOLING does not say where the maxima are")
    if not rois.is_constant:
        raise Unsupported("regions that may leave the map; nnapi::roi_pool clips them")
    array = rois.array()
    boxes, most = array[:, 1:], [input.static_shape[3], input.static_shape[2]] * 2
    ordered = (boxes[:, :2] <= boxes[:, 2:]).all()
    if not (ordered and (boxes >= 0).all() and (boxes * np.float32(spatial_scale) <= most).all()):
        raise Unsupported("regions that leave the map, or with corners the wrong way round")
    _check_roundings(input, spatial_scale, pooled_height, pooled_width)
    batch = nn.constant(array[:, 0].astype(np.int32), torch.int32)
    pooled = nn.emit(
        ops.ROI_POOLING,
        **_operands(
            nn, input, nn.constant(boxes), spatial_scale, pooled_height, pooled_width, batch
        ),
        nchw=False,
        out=nn.outs[0],
    )
    return pooled, None


def _pooled(
    nn: Context, input: Value, boxes: Value, scale: float, height: int, width: int
) -> Value:
    operands = _operands(nn, input, boxes, scale, height, width)
    return nn.emit(ops.ROI_POOLING, **operands, nchw=False, out=nn.out)


def _operands(
    nn: Context,
    input: Value,
    boxes: Value,
    scale: float,
    height: int,
    width: int,
    batch: Value | None = None,
) -> dict[str, Any]:
    """What ROI_ALIGN and ROI_POOLING have in common."""
    count = boxes.static_shape[0]
    return {
        "input": input,
        "rois": boxes,
        "batch_index": batch or nn.constant(np.zeros(count), torch.int32),
        "height": height,
        "width": width,
        "ratio_h": 1 / scale,
        "ratio_w": 1 / scale,
    }


def _inside(nn: Context, input: Value, boxes: Value, scale: float) -> Value:
    """Boxes [N, 4] clipped to the map; corners the wrong way round become empty boxes."""
    _, _, height, width = input.static_shape
    most = [largest_inside(width, scale), largest_inside(height, scale)] * 2
    clipped = nn.emit(ops.MAXIMUM, a=boxes, b=nn.constant([0.0]))
    clipped = nn.emit(ops.MINIMUM, a=clipped, b=nn.constant([most]))
    x1, y1, x2, y2 = columns(nn, clipped)
    right, bottom = (nn.emit(ops.MAXIMUM, a=a, b=b) for a, b in ((x1, x2), (y1, y2)))
    return side_by_side(nn, [x1, y1, right, bottom])


def _check_roundings(input: Value, scale: float, height: int, width: int) -> None:
    """Where NNAPI's roundings are torchvision's for every region: an integer scale, and parts that end alike.

    torchvision adds a region's first cell to an end that is already rounded, NNAPI before rounding.
    """
    if np.float32(1) / np.float32(1 / scale) != np.float32(scale):
        raise Unsupported("a scale that NNAPI rounds", spatial_scale=scale)
    for parts, cells in ((height, input.static_shape[2]), (width, input.static_shape[3])):
        starts = np.arange(cells + 1, dtype=np.float32)[:, None]
        step = np.arange(1, cells + 2, dtype=np.float32) / np.float32(parts)
        for part in range(parts):
            for number, rounded in ((part, np.floor), (part + 1, np.ceil)):
                end = step * np.float32(number)
                ours, theirs = rounded(end + starts), rounded(end) + starts
                if (np.minimum(ours, cells) != np.minimum(theirs, cells)).any():
                    raise Unsupported("NNAPI rounds parts of some regions otherwise", cells=cells)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
