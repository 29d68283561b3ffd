"""Boxes and what is said of them: deltas, thresholds and labels, which all detections share.

NNAPI suppresses from an overlap on, torchvision above it; NNAPI keeps sizes above a least one, torchvision from it
on. Both are the same for the next float32 number (`above`, `below`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from nnapi_core.detection.boxes import LOG_SIZE_LIMIT
from nnapi_core.plugin import Bounds, Context, Limitation, Unsupported, Value, ops
from nnapi_ops.detection._fixed_size_results import columns, side_by_side

SIXTEEN_BITS = (
    "NNAPI's integer form has boxes in eighths of a pixel (TENSOR_QUANT16_ASYMM), which no other operation makes of "
    "floats, pads, picks, or turns into floats"
)

NUMBERS = Limitation("scores, deltas and boxes are finite numbers")


def weighed(nn: Context, deltas: Value, weights: Sequence[float]) -> Value:
    """Deltas [N, 4 * C] divided by their weights."""
    if all(weight == 1 for weight in weights):
        return deltas
    by = np.tile(np.array(weights), deltas.static_shape[1] // 4)
    return nn.emit(ops.DIV, a=deltas, b=nn.constant(by))


def limited(nn: Context, deltas: Value, boxes: int, *, dim: int) -> Value:
    """Deltas of so many boxes along ``dim``, with changes in size limited as torchvision does."""
    most = np.tile(np.array([np.inf, np.inf, LOG_SIZE_LIMIT, LOG_SIZE_LIMIT]), boxes)
    shape = [1] * deltas.rank
    shape[dim] = 4 * boxes
    return nn.emit(ops.MINIMUM, a=deltas, b=nn.constant(most.reshape(shape)))


def ordered(nn: Context, boxes: Value) -> Value:
    """Boxes [N, 4] with empty ones where corners are the wrong way round, which NNAPI refuses to run on."""
    if boxes.is_constant:
        array = boxes.array()
        low = array[:, :2]
        return nn.constant(np.concatenate([low, np.maximum(low, array[:, 2:])], axis=1))
    x1, y1, x2, y2 = columns(nn, boxes)
    right, bottom = (nn.emit(ops.MAXIMUM, a=a, b=b) for a, b in ((x1, x2), (y1, y2)))
    return side_by_side(nn, [x1, y1, right, bottom])


def class_labels(nn: Context, numbers: Value, classes: int) -> Value:
    """Numbers of classes that are floats as int64."""
    whole = nn.emit(ops.CAST, input=numbers, shape=numbers.shape, dtype=torch.int32)
    return nn.cast(whole.bounded(Bounds(0, classes - 1)), torch.int64)


def check_thresholds(**thresholds: float) -> None:
    """Refuses those that are negative or not finite."""
    for name, number in thresholds.items():
        if not 0 <= number < np.inf:
            raise Unsupported("a threshold is negative or not finite", **{name: number})
