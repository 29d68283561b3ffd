"""What ROI_ALIGN and ROI_POOLING have in common: regions inside of their map, as floats or as 16-bit integers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from nnapi_core.detection.roi_align_pool import inside, largest_inside
from nnapi_core.plugin import Context, Quant, TensorSpec, Unsupported, Value, ops
from nnapi_ops.detection._fixed_size_results import columns, floats_only, rows, side_by_side

COMPUTED = (
    "NNAPI's integer form takes regions in eighths of a pixel (TENSOR_QUANT16_ASYMM), and no operation makes these "
    "of floats"
)
# How the 16-bit integers of regions are scaled, always.
_EIGHTH = 0.125
_MOST = (1 << 16) - 1


def check_types(input: Value, boxes: Value) -> None:
    """A map of floats, or of integers beside regions that are known."""
    if input.quant is None:
        floats_only(input=input, boxes=boxes)
    elif not boxes.is_constant:
        raise Unsupported(COMPUTED)


def operands(
    nn: Context,
    input: Value,
    boxes: Value,
    scale: float,
    height: int,
    width: int,
    batch: Value | None = None,
) -> dict[str, Any]:
    """The operands that both operations take."""
    count = boxes.static_shape[0]
    ratio = 1 / scale
    if input.quant is not None:
        boxes, ratio = _in_eighths(nn, boxes, ratio)
    return {
        "input": input,
        "rois": boxes,
        "batch_index": batch or nn.constant(np.zeros(count), torch.int32),
        "height": height,
        "width": width,
        "ratio_h": ratio,
        "ratio_w": ratio,
    }


def clipped(nn: Context, input: Value, boxes: Value, scale: float) -> Value:
    """Boxes [N, 4] clipped to the map; corners the wrong way round become empty boxes."""
    _, _, height, width = input.static_shape
    if boxes.is_constant:
        return nn.constant(inside(torch.from_numpy(boxes.array()), height, width, scale).numpy())
    most = [largest_inside(width, scale), largest_inside(height, scale)] * 2
    within = nn.emit(ops.MAXIMUM, a=boxes, b=nn.constant([0.0]))
    within = nn.emit(ops.MINIMUM, a=within, b=nn.constant([most]))
    x1, y1, x2, y2 = columns(nn, within)
    right, bottom = (nn.emit(ops.MAXIMUM, a=a, b=b) for a, b in ((x1, x2), (y1, y2)))
    return side_by_side(nn, [x1, y1, right, bottom])


def are_inside(input: Value, boxes: np.ndarray[Any, Any], scale: float) -> bool:
    """Are these on the map, with their corners the right way round, so that clipping leaves them as they are?"""
    _, _, height, width = input.static_shape
    given = torch.from_numpy(boxes)
    return torch.equal(inside(given, height, width, scale), given)


def points(
    nn: Context, places: Sequence[Value], grid: tuple[int, int, int], offset: float
) -> Value:
    """Of rows y [N, H] and columns x [N, W], every [x + offset, y + offset]: [N * H * W, 2]."""
    count, height, width = grid
    shapes = ((count, height, 1, 1), (count, 1, width, 1))
    if all(one.is_constant for one in places):
        y, x = (v.array().reshape(shape) for v, shape in zip(places, shapes, strict=True))
        each = np.broadcast_arrays(x, y)
        return nn.constant(np.concatenate(each, axis=-1).reshape(-1, 2) + offset)
    moved = nn.constant(np.full((*grid, 1), offset))
    across = [
        nn.emit(ops.ADD, a=moved, b=nn.reshape(one, shape), shape=(*grid, 1))
        for one, shape in zip(places, shapes, strict=True)
    ]
    return nn.reshape(side_by_side(nn, across[::-1]), (count * height * width, 2))


def regions_between(nn: Context, low: Value, high: Value) -> Value:
    """Regions [N, 4] of two corners [N, 2] each."""
    if low.is_constant and high.is_constant:
        return nn.constant(np.concatenate([low.array(), high.array()], axis=1))
    out = TensorSpec((low.static_shape[0], 4), low.dtype)
    return nn.emit(ops.CONCATENATION, input=[low, high], axis=low.axis(1), out=out)


def images_of(nn: Context, index: Value, images: int, repeats: int) -> Value:
    """The image of each part of regions, which name theirs by a float [N, 1]; they have so many parts."""
    count = index.static_shape[0]
    if images == 1:
        return nn.constant(np.zeros(count * repeats), torch.int32)
    if index.is_constant:
        return nn.constant(np.repeat(index.array()[:, 0], repeats).astype(np.int32), torch.int32)
    flat = nn.reshape(index, (count,))
    whole = nn.emit(ops.CAST, input=flat, shape=(count,), dtype=torch.int32)
    at = nn.constant(np.repeat(np.arange(count), repeats), torch.int32)
    return rows(nn, whole, at)


def _in_eighths(nn: Context, boxes: Value, ratio: float) -> tuple[Value, float]:
    """Known regions as 16-bit integers, and the ratio that goes with them: the very same places on the map.

    Boxes and ratio are multiplied by the power of two that uses the range best, which rounds nothing.
    """
    eighths = boxes.array().astype(np.float64) / _EIGHTH
    factor = 2.0 ** np.floor(np.log2(_MOST / max(float(eighths.max()), _EIGHTH)))
    integers = eighths * factor
    if (integers != integers.round()).any():
        raise Unsupported("regions that 16 bits of NNAPI's integer form do not hold exactly")
    held = nn.constant(integers, torch.uint16, quant=Quant(_EIGHTH, 0))
    return held, ratio * float(factor)
