"""Regions of which each sample is taken by itself: what ROI_ALIGN's own sampling does not reach."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from attrs import frozen

from nnapi_core.detection.roi_align_pool import sample_positions
from nnapi_core.plugin import Context, Order, Unsupported, Value, ops
from nnapi_ops.detection._fixed_size_results import columns
from nnapi_ops.detection._roi_operands import images_of, operands, points, regions_between


@frozen
class Axis:
    """One side of the regions: where they start and how long they are, in cells, and how they are cut."""

    start: Value
    length: Value
    bins: int
    samples: int

    def positions(self, nn: Context) -> Value:
        """Of each sample, [N, bins * samples], by torchvision's roundings."""
        if self.start.is_constant and self.length.is_constant:
            start, length = (torch.from_numpy(v.array())[:, 0] for v in (self.start, self.length))
            return nn.constant(sample_positions(start, length, self.bins, self.samples).numpy())
        part = np.repeat(np.arange(self.bins), self.samples)[None]
        within = np.tile(np.arange(self.samples), self.bins)[None] + 0.5
        step = nn.emit(ops.DIV, a=self.length, b=nn.constant([float(self.bins)]))
        first = nn.emit(ops.ADD, a=self.start, b=nn.emit(ops.MUL, a=step, b=nn.constant(part)))
        rest = nn.emit(ops.MUL, a=step, b=nn.constant(within))
        share = nn.emit(ops.DIV, a=rest, b=nn.constant([float(self.samples)]))
        return nn.emit(ops.ADD, a=first, b=share)


def extents(boxes: np.ndarray[Any, Any], scale: float, aligned: bool) -> torch.Tensor:
    """Height and width of each region in cells, as torchvision computes them."""
    corners = torch.from_numpy(boxes) * scale - (0.5 if aligned else 0.0)
    extent = (corners[:, 2:] - corners[:, :2]).flip(1)
    return extent if aligned else extent.clamp(min=1.0)


def sampled(
    nn: Context,
    input: Value,
    rois: Value,
    scale: float,
    size: tuple[int, int],
    counts: tuple[int, int],
    aligned: bool,
) -> Value:
    """Each sample becomes a region of its own: one cell around the place on the map that torchvision reads.

    What is too far out counts as zero, and averages are taken afterwards.
    """
    if input.quant is not None:
        raise Unsupported(
            "regions that leave the map, or are aligned, whose samples are averaged afterwards"
        )
    images, channels, height, width = input.static_shape
    count = rois.static_shape[0]
    index, starts, lengths = _sides(nn, rois, scale, aligned)
    places, counted = [], []
    for k, cells in enumerate((height, width)):
        at = Axis(starts[k], lengths[k], size[k], counts[k]).positions(nn)
        place, on_map = _on_map(nn, at, cells)
        places.append(place)
        counted.append(on_map)
    grid_size = (size[0] * counts[0], size[1] * counts[1])
    total = count * grid_size[0] * grid_size[1]
    margin = nn.emit(
        ops.PAD,
        input=input,
        paddings=nn.constant([[0, 0], [1, 0], [1, 0], [0, 0]], torch.int32),
        shape=(images, channels, height + 1, width + 1),
    )
    # Regions without area half a cell before each place on the map with a margin, which is a row above and a column
    # to the left: NNAPI makes them one cell long, and the one sample in its middle is the place.
    before = points(nn, places, (count, *grid_size), 0.5)
    batch = images_of(nn, index, images, grid_size[0] * grid_size[1])
    samples = nn.emit(
        ops.ROI_ALIGN,
        **operands(nn, margin, regions_between(nn, before, before), 1.0, 1, 1, batch),
        samples_h=1,
        samples_w=1,
        nchw=False,
        shape=(total, channels, 1, 1),
    )
    grid = nn.permute(
        nn.reshape(nn.arrange(samples, Order.TORCH), (count, *grid_size, channels)), (0, 3, 1, 2)
    )
    grid = nn.arrange(grid, Order.CHANNELS_LAST)
    shapes = ((count, 1, grid_size[0], 1), (count, 1, 1, grid_size[1]))
    for one, shape in zip(counted, shapes, strict=True):
        if one.is_constant and (one.array() == 1).all():
            continue
        factor = nn.arrange(nn.reshape(one, shape), Order.CHANNELS_LAST)
        grid = nn.emit(ops.MUL, a=grid, b=factor)
    if counts == (1, 1):
        return grid
    return nn.emit(
        ops.AVERAGE_POOL_2D,
        input=grid,
        padding_scheme=2,
        stride_width=counts[1],
        stride_height=counts[0],
        filter_width=counts[1],
        filter_height=counts[0],
        activation=0,
        shape=(count, channels, *size),
    )


def _sides(
    nn: Context, rois: Value, scale: float, aligned: bool
) -> tuple[Value, Sequence[Value], Sequence[Value]]:
    """Of regions [N, 5]: their images, where they start (y, x), and how long they are, each [N, 1]."""
    if rois.is_constant:
        array = torch.from_numpy(rois.array())
        start = (array[:, 1:3] * scale - (0.5 if aligned else 0.0)).flip(1)
        extent = extents(rois.array()[:, 1:].copy(), scale, aligned)
        each = [[nn.constant(v[:, k : k + 1].numpy()) for k in (0, 1)] for v in (start, extent)]
        return nn.constant(array[:, :1].numpy()), each[0], each[1]
    index, *sides = columns(nn, rois)
    x1, y1, x2, y2 = (nn.emit(ops.MUL, a=one, b=nn.constant([scale])) for one in sides)
    if aligned:
        x1, y1, x2, y2 = (nn.emit(ops.SUB, a=v, b=nn.constant([0.5])) for v in (x1, y1, x2, y2))
    lengths = [nn.emit(ops.SUB, a=end, b=start) for start, end in ((y1, y2), (x1, x2))]
    if not aligned:
        lengths = [nn.emit(ops.MAXIMUM, a=one, b=nn.constant([1.0])) for one in lengths]
    return index, (y1, x1), lengths


def _on_map(nn: Context, at: Value, cells: int) -> tuple[Value, Value]:
    """Where samples read the map, and which count at all (as 0 and 1)."""
    if at.is_constant:
        array = at.array()
        counted = ((array >= -1) & (array <= cells)).astype(np.float32)
        return nn.constant(array.clip(0, cells - 1)), nn.constant(counted)
    counted_here = nn.emit(
        ops.LOGICAL_AND,
        a=nn.emit(ops.GREATER_EQUAL, a=at, b=nn.constant([-1.0])),
        b=nn.emit(ops.LESS_EQUAL, a=at, b=nn.constant([float(cells)])),
    )
    at = nn.emit(ops.MAXIMUM, a=at, b=nn.constant([0.0]))
    place = nn.emit(ops.MINIMUM, a=at, b=nn.constant([float(cells - 1)]))
    return place, nn.cast(counted_here, torch.float32)
