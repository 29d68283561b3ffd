"""``nms``: positions of the boxes that overlap no better one.

NNAPI suppresses by class and returns boxes and scores. So scores become ranks, which say where a box was; and boxes
without area, which NNAPI suppresses by each other, have a class of their own in which nothing overlaps.
"""

from __future__ import annotations

import numpy as np
import torch

import nnapi_core.detection.operators  # noqa: F401 (defines the operator)
from nnapi_core.detection.boxes import above
from nnapi_core.plugin import (
    Bounds,
    Context,
    Layout,
    Limitation,
    Lowering,
    TensorSpec,
    Unsupported,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.detection._fixed_size_results import (
    backwards,
    columns,
    floats_only,
    padded,
    rows,
    side_by_side,
    spec,
)

_COUNTED = Limitation(
    "torchvision's nms where nothing makes a fixed size of its result: how many boxes are kept is known only when the "
    "model runs (docs/detection.md says which uses are taken); nnapi::nms has a fixed size"
)
_FINITE = Limitation("boxes and scores are finite numbers, and areas too")
# Integers up to here are float32 numbers.
_MOST = 1 << 24


@lowering(
    torch.ops.nnapi.nms.default,
    layout=Layout.TORCH,
    limitations=[_FINITE, _COUNTED],
    in_floats="8 bits do not hold the ranks from which positions are read",
)
def nms_of_fixed_size(
    nn: Context, boxes: Value, scores: Value, nms_threshold: float, max_detections: int
) -> tuple[Value, Value]:
    """nms(Tensor boxes, Tensor scores, float nms_threshold, int max_detections) -> (Tensor positions, Tensor count)"""
    floats_only(boxes=boxes, scores=scores)
    total = boxes.static_shape[0]
    if not 0 <= nms_threshold < np.inf:
        raise Unsupported("a threshold is negative or not finite", nms_threshold=nms_threshold)
    if not 0 < total < _MOST or max_detections < 1:
        raise Unsupported("too many boxes, or none", boxes=total, max_detections=max_detections)
    places, ranked = _best_first(nn, boxes, scores)
    found = nn.emit_many(
        ops.BOX_WITH_NMS_LIMIT,
        outs=[spec(torch.float32), spec(torch.float32, 4), spec(torch.int32), spec(torch.int32)],
        **_two_classes(nn, ranked, nn.constant(np.arange(total, 0, -1)[:, None])),
        batch_index=nn.constant(np.zeros(total), torch.int32),
        score_threshold=0.5,
        max_num_detections=max_detections,
        kernel=0,
        iou_threshold=above(nms_threshold),
        sigma=1.0,
        nms_score_threshold=0.5,
    )
    every = padded(nn, found[0], max_detections)
    order = TensorSpec((max_detections,), torch.int32)
    ranks, _ = nn.emit_many(ops.TOPK_V2, outs=[every.spec, order], input=every, k=max_detections)
    at = nn.emit(ops.SUB, a=nn.constant([float(total)]), b=ranks)
    at = nn.emit(ops.MINIMUM, a=at, b=nn.constant([float(total - 1)]))
    index = nn.emit(ops.CAST, input=at, shape=at.shape, dtype=torch.int32)
    is_found = nn.emit(ops.GREATER, a=ranks, b=nn.constant([0.0]))
    positions = nn.emit(
        ops.SELECT,
        mask=is_found,
        a=rows(nn, places, index),
        b=nn.full(order, 0, torch.int32),
    )
    counted = nn.emit(
        ops.REDUCE_SUM,
        input=nn.cast(is_found, torch.float32),
        axes=[0],
        keep_dims=True,
        shape=(1,),
    )
    count = nn.emit(ops.CAST, input=counted, out=TensorSpec((), torch.int32))
    return (
        nn.cast(positions.bounded(Bounds(0, total - 1)), torch.int64),
        nn.cast(count.bounded(Bounds(0, max_detections)), torch.int64),
    )


def _best_first(nn: Context, boxes: Value, scores: Value) -> tuple[Value, Value]:
    """Positions by falling score, and the boxes there. TOPK_V2 takes the last of equal scores first."""
    count = scores.static_shape[0]
    order = TensorSpec((count,), torch.int32)
    reverse = backwards(nn, scores)
    _, last_first = nn.emit_many(ops.TOPK_V2, outs=[reverse.spec, order], input=reverse, k=count)
    numbers = nn.constant(np.arange(count - 1, -1, -1), torch.int32)
    places = rows(nn, numbers, last_first)
    return places, rows(nn, boxes, places)


def _two_classes(nn: Context, boxes: Value, ranks: Value) -> dict[str, Value]:
    """Scores and boxes of the background, of boxes with an area, and of those without, which become disjoint."""
    count = boxes.static_shape[0]
    x1, y1, x2, y2 = columns(nn, boxes)
    width, height = nn.emit(ops.SUB, a=x2, b=x1), nn.emit(ops.SUB, a=y2, b=y1)
    zero = nn.constant([0.0])
    solid = nn.emit(ops.GREATER, a=nn.emit(ops.MUL, a=width, b=height), b=zero)
    for side in (width, height):
        positive = nn.emit(ops.GREATER, a=side, b=zero)
        solid = nn.emit(ops.LOGICAL_AND, a=solid, b=positive)
    none = nn.full(x1, 0.0, torch.float32)
    first = nn.emit(ops.SELECT, mask=solid, a=ranks, b=none)
    second = nn.emit(ops.SELECT, mask=solid, a=none, b=ranks)
    corners = [nn.emit(ops.SELECT, mask=solid, a=one, b=none) for one in (x1, y1, x2, y2)]
    start = 2.0 * np.arange(count)[:, None]
    apart = [nn.constant(one) for one in (start, 0 * start, start + 1, 0 * start + 1)]
    return {
        "scores": side_by_side(nn, [none, first, second]),
        "boxes": side_by_side(nn, [none] * 4 + corners + apart),
    }


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
