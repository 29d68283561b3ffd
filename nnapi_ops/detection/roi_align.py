"""Averages of regions of feature maps.

NNAPI takes regions inside of their map only, and reads the last cell for samples beyond it, which are zeros to
torchvision.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

import nnapi_core.detection.operators  # noqa: F401 (defines the operators)
from nnapi_core.detection.roi_align_pool import sample_positions
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
from nnapi_ops.detection._fixed_size_results import columns, rows
from nnapi_ops.detection._roi_operands import COMPUTED, are_inside, check_types, clipped, operands
from nnapi_ops.detection._roi_samples import Axis, extents, sampled

_ADAPTIVE = Limitation(
    "torchvision's roi_align of regions that the model computes, without a sampling ratio: how many "
    "samples there are is known only when it runs; nnapi::roi_align clips regions to the map, and takes them"
)
# So many sampling grids of known regions are lowered, each by operations of its own.
_MOST_GRIDS = 32


# ---- regions that are clipped to the map


@lowering(torch.ops.nnapi.roi_align.default, layout=Layout.IMAGE, in_floats=COMPUTED)
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
    """
    check_types(input, boxes)
    within = clipped(nn, input, boxes, spatial_scale)
    return _aligned_inside(
        nn, input, within, spatial_scale, (pooled_height, pooled_width), sampling_ratio
    )


def _aligned_inside(
    nn: Context,
    input: Value,
    boxes: Value,
    scale: float,
    size: tuple[int, int],
    sampling_ratio: int,
    batch: Value | None = None,
) -> Value:
    """Of regions on the map.

    One that is thinner than a cell counts as one cell. Where that leads beyond the map, all of its samples are on the
    last cell there, so torchvision's average is NNAPI's times the share of samples on the map.
    """
    samples = max(sampling_ratio, 0)
    averages = nn.emit(
        ops.ROI_ALIGN,
        **operands(nn, input, boxes, scale, *size, batch),
        samples_h=samples,
        samples_w=samples,
        nchw=False,
        out=nn.out,
    )
    shares = _shares(nn, input, boxes, scale, size, max(samples, 1))
    if shares and input.quant is not None:
        raise Unsupported(
            "regions at the border that are thinner than a cell, which a product makes up for"
        )
    for place, share in shares:
        shape = [boxes.static_shape[0], 1, 1, 1]
        shape[place] = size[place - 2]
        factor = nn.arrange(nn.reshape(share, shape), Order.CHANNELS_LAST)
        averages = nn.emit(ops.MUL, a=averages, b=factor)
    return averages


def _shares(
    nn: Context, input: Value, boxes: Value, scale: float, size: tuple[int, int], samples: int
) -> list[tuple[int, Value]]:
    """By dimension, how many of the samples of each part are on the map, as a fraction; none where all are."""
    cells = input.static_shape
    if boxes.is_constant:
        return _known_shares(nn, boxes.array() * np.float32(scale), cells, size, samples)
    x1, y1, x2, y2 = (nn.emit(ops.MUL, a=v, b=nn.constant([scale])) for v in columns(nn, boxes))
    one_cell = nn.constant([1.0])
    found = []
    for place, start, end in ((2, y1, y2), (3, x1, x2)):
        length = nn.emit(ops.MAXIMUM, a=nn.emit(ops.SUB, a=end, b=start), b=one_cell)
        at = Axis(start, length, size[place - 2], samples).positions(nn)
        on_map = nn.emit(ops.LESS_EQUAL, a=at, b=nn.constant([float(cells[place])]))
        counted = nn.cast(on_map, torch.float32)
        if samples > 1:
            shape = (boxes.static_shape[0], size[place - 2])
            each = nn.reshape(counted, (*shape, samples))
            counted = nn.emit(ops.MEAN, input=each, axes=[2], keep_dims=0, shape=shape)
        found.append((place, counted))
    return found


def _known_shares(
    nn: Context,
    boxes: np.ndarray[Any, Any],
    cells: tuple[int, ...],
    size: tuple[int, int],
    samples: int,
) -> list[tuple[int, Value]]:
    """The same of boxes that are known, in cells."""
    corners = torch.from_numpy(boxes)
    found = []
    for place, low, high in ((2, 1, 3), (3, 0, 2)):
        length = (corners[:, high] - corners[:, low]).clamp(min=1.0)
        at = sample_positions(corners[:, low], length, size[place - 2], samples)
        share = (at <= cells[place]).float().reshape(len(at), -1, samples).mean(dim=2)
        if not bool((share == 1).all()):
            found.append((place, nn.constant(share.numpy())))
    return found


# ---- regions anywhere


@lowering(
    torch.ops.torchvision.roi_align.default,
    layout=Layout.IMAGE,
    limitations=[_ADAPTIVE],
    in_floats=COMPUTED,
)
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
    """
    check_types(input, rois)
    size = (pooled_height, pooled_width)
    if rois.is_constant:
        return _of_known(nn, input, rois, spatial_scale, size, sampling_ratio, aligned)
    if sampling_ratio <= 0:
        raise Unsupported(
            "a sampling ratio that depends on the regions, which the model computes; nnapi::roi_align takes "
            "them as far as they are on the map",
            sampling_ratio=sampling_ratio,
        )
    counts = (sampling_ratio, sampling_ratio)
    return sampled(nn, input, rois, spatial_scale, size, counts, aligned)


def _of_known(
    nn: Context,
    input: Value,
    rois: Value,
    scale: float,
    size: tuple[int, int],
    sampling_ratio: int,
    aligned: bool,
) -> Value:
    """Of regions that are known: by one operation where they are on the map, else by how many samples they have."""
    array = rois.array()
    boxes = array[:, 1:].copy()
    if not aligned and are_inside(input, boxes, scale):
        batch = nn.constant(array[:, 0].astype(np.int32), torch.int32)
        within = nn.constant(boxes)
        return _aligned_inside(nn, input, within, scale, size, sampling_ratio, batch)
    if sampling_ratio > 0:
        counts = (sampling_ratio, sampling_ratio)
        return sampled(nn, input, rois, scale, size, counts, aligned)
    groups: dict[tuple[int, int], list[int]] = {}
    for k, extent in enumerate(extents(boxes, scale, aligned).tolist()):
        rows_and_columns = [math.ceil(one / n) for one, n in zip(extent, size, strict=True)]
        groups.setdefault((rows_and_columns[0], rows_and_columns[1]), []).append(k)
    if len(groups) > _MOST_GRIDS:
        raise Unsupported(
            "known regions that leave the map, with too many different numbers of samples",
            grids=len(groups),
            most=_MOST_GRIDS,
        )
    channels = input.static_shape[1]
    parts = []
    for counts, members in groups.items():
        if min(counts) <= 0:
            zeros = nn.constant(np.zeros((len(members), channels, *size)))
            parts.append(nn.arrange(zeros, Order.CHANNELS_LAST))
            continue
        some = nn.constant(array[members])
        parts.append(sampled(nn, input, some, scale, size, counts, aligned))
    if len(parts) == 1:
        return parts[0]
    joined = nn.emit(ops.CONCATENATION, input=parts, axis=parts[0].axis(0), out=nn.out)
    places = np.argsort([k for members in groups.values() for k in members])
    return rows(nn, joined, nn.constant(places, torch.int32))


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
