"""Regions of a feature map as images of one size: torchvision's ``roi_align`` and ``roi_pool``, in torch."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

# Regions that are sampled at once: what bounds the memory.
_AT_ONCE = 64


def largest_inside(size: int, scale: float) -> float:
    """The largest float32 coordinate that lies in a map of ``size`` cells, as NNAPI computes it."""
    scale32 = np.float32(1) / np.float32(1 / scale)
    number = np.float32(size / scale)
    while number * max(scale32, np.float32(scale)) > size:
        number = np.nextafter(number, np.float32(0))
    return float(number)


def inside(boxes: Tensor, height: int, width: int, scale: float) -> Tensor:
    """Boxes [N, 4] clipped to a map of so many cells; corners the wrong way round become empty boxes."""
    most = boxes.new_tensor([largest_inside(width, scale), largest_inside(height, scale)] * 2)
    within = boxes.clamp(min=0).minimum(most)
    low, high = within[:, :2], within[:, 2:]
    return torch.cat([low, torch.maximum(low, high)], dim=1)


def with_batch(boxes: Tensor) -> Tensor:
    """Boxes [N, 4] of the first image as torchvision's regions [N, 5]."""
    return torch.cat([torch.zeros_like(boxes[:, :1]), boxes], dim=1)


def aligned(
    input: Tensor,
    rois: Tensor,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
    aligned: bool,
) -> Tensor:
    """torchvision's ``roi_align``."""
    size = (pooled_height, pooled_width)
    if not len(rois):
        return input.new_empty((0, input.shape[1], *size))
    corners = rois[:, 1:] * spatial_scale - (0.5 if aligned else 0.0)
    start, end = corners.flip(1)[:, 2:], corners.flip(1)[:, :2]  # y, x
    extent = end - start if aligned else (end - start).clamp(min=1.0)
    images = rois[:, 0].long()
    if sampling_ratio > 0:
        chunks = [slice(k, k + _AT_ONCE) for k in range(0, len(rois), _AT_ONCE)]
        counts = [(sampling_ratio, sampling_ratio)] * len(chunks)
    else:
        # As many samples as a part has cells: each region has its own number.
        chunks = [slice(k, k + 1) for k in range(len(rois))]
        counts = [
            (math.ceil(h / pooled_height), math.ceil(w / pooled_width)) for h, w in extent.tolist()
        ]
    parts = [
        _averages(input, images[one], start[one], extent[one], size, count)
        for one, count in zip(chunks, counts, strict=True)
    ]
    return torch.cat(parts)


def _averages(
    input: Tensor,
    images: Tensor,
    start: Tensor,
    extent: Tensor,
    size: tuple[int, int],
    count: tuple[int, int],
) -> Tensor:
    if min(count) <= 0:
        return input.new_zeros((len(images), input.shape[1], *size))
    (y, row, y_valid), (x, column, x_valid) = (
        _weighed(start[:, k], extent[:, k], size[k], count[k], input.shape[2 + k]) for k in (0, 1)
    )
    # The channels of each cell, by its number.
    cells = input.permute(0, 2, 3, 1).reshape(-1, input.shape[1])
    first = images[:, None, None] * (input.shape[2] * input.shape[3])
    total = None
    for rows, down in ((row, 1 - y), ((row + 1).clamp(max=input.shape[2] - 1), y)):
        for columns, right in ((column, 1 - x), ((column + 1).clamp(max=input.shape[3] - 1), x)):
            weight = (down * y_valid)[:, :, None] * (right * x_valid)[:, None, :]
            at = first + rows[:, :, None] * input.shape[3] + columns[:, None, :]
            taken = weight[..., None] * cells[at]
            total = taken if total is None else total + taken
    assert total is not None
    parts = total.reshape(len(images), size[0], count[0], size[1], count[1], -1)
    return (parts.sum(dim=(2, 4)) / (count[0] * count[1])).permute(0, 3, 1, 2).contiguous()


def fake_regions(
    input: Tensor, boxes: Tensor, spatial_scale: float, pooled_height: int, pooled_width: int,
    sampling_ratio: int = 0, aligned: bool = False,
) -> Tensor:  # fmt: skip
    """The shape of what both operators return."""
    return input.new_empty((boxes.shape[0], input.shape[1], pooled_height, pooled_width))


def sample_positions(start: Tensor, extent: Tensor, bins: int, count: int) -> Tensor:
    """Where the samples along one axis lie, in cells: [N, parts * count]."""
    step = (extent / bins)[:, None]
    part = torch.arange(bins, dtype=start.dtype).repeat_interleave(count)
    within = torch.arange(count, dtype=start.dtype).repeat(bins) + 0.5
    return start[:, None] + part * step + within * step / count


def _weighed(
    start: Tensor, extent: Tensor, bins: int, count: int, cells: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Of each sample: the weight of the second of its two cells, the first cell, and whether it counts at all."""
    at = sample_positions(start, extent, bins, count)
    valid = ((at >= -1) & (at <= cells)).to(start.dtype)
    at = at.clamp(min=0)
    first = at.floor().clamp(max=cells - 1)
    beyond = torch.where(first >= cells - 1, torch.zeros_like(at), at - first)
    return beyond, first.long(), valid


def pooled(
    input: Tensor, rois: Tensor, spatial_scale: float, pooled_height: int, pooled_width: int
) -> tuple[Tensor, Tensor]:
    """torchvision's ``roi_pool``: maxima, and where in the map they are (-1: nowhere)."""
    height, width = input.shape[-2:]
    shape = (len(rois), input.shape[1], pooled_height, pooled_width)
    result, where = input.new_zeros(shape), torch.full(shape, -1, dtype=torch.int32)
    for k, (x1, y1, x2, y2) in enumerate(nearest_cells(rois[:, 1:], spatial_scale).tolist()):
        rows = part_ends(y1, y2, pooled_height, height)
        columns = part_ends(x1, x2, pooled_width, width)
        features = input[int(rois[k, 0])]
        for i, (top, bottom) in enumerate(rows):
            for j, (left, right) in enumerate(columns):
                if top < bottom and left < right:
                    values, at = features[:, top:bottom, left:right].flatten(1).max(dim=1)
                    result[k, :, i, j] = values
                    down, across = at // (right - left), at % (right - left)
                    where[k, :, i, j] = ((top + down) * width + left + across).int()
    return result, where


def nearest_cells(coordinates: Tensor, scale: float) -> Tensor:
    """As ``roi_pool`` rounds them: halves away from zero, not to even as torch.round does."""
    scaled = (coordinates * scale).double()
    return (scaled.sign() * (scaled.abs() + 0.5).floor()).int()


def part_ends(first: int, last: int, bins: int, cells: int) -> list[tuple[int, int]]:
    """Of a region from one cell to another, cut into parts: from where to where each is, within the map."""
    step = np.float32(max(last - first + 1, 1)) / np.float32(bins)
    ends = [
        (math.floor(np.float32(i) * step), math.ceil(np.float32(i + 1) * step)) for i in range(bins)
    ]
    return [tuple(min(max(one + first, 0), cells) for one in pair) for pair in ends]  # type: ignore[misc]
