"""Detections: boxes of each class, suppressed where they overlap better ones, and limited in number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

import nnapi_core.detection.operators  # noqa: F401 (defines torch.ops.nnapi)
from nnapi_core.detection.boxes import SMALLEST, above
from nnapi_core.plugin import (
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
from nnapi_ops.detection._boxes import NUMBERS, SIXTEEN_BITS, check_thresholds, class_labels
from nnapi_ops.detection._fixed_size_results import (
    backwards,
    columns,
    floats_only,
    padded,
    rows,
    side_by_side,
    spec,
)

nnapi = torch.ops.nnapi

# BOX_WITH_NMS_LIMIT's kernels.
_HARD = 0

# Its boxes without area suppress each other, torchvision's do not; the square of this is an area.
_LEAST_SIZE = 1e-15

_EMPTY = Limitation(
    "box_with_nms_limit: a least size above 0, since NNAPI suppresses empty boxes by each other"
)


@lowering(
    nnapi.box_with_nms_limit.default,
    layout=Layout.TORCH,
    limitations=[NUMBERS, _EMPTY],
    in_floats=SIXTEEN_BITS,
)
def box_with_nms_limit(
    nn: Context,
    boxes: Value,
    scores: Value,
    score_threshold: float,
    nms_threshold: float,
    max_detections: int,
    min_size: float = 0.01,
) -> tuple[Value, Value, Value]:
    """
    box_with_nms_limit(Tensor boxes, Tensor scores, float score_threshold, float nms_threshold, int max_detections, float min_size=0.01) -> (Tensor boxes, Tensor scores, Tensor labels)

    NNAPI refuses to run on boxes without a right way round, so small ones lose score and corners first.
    """
    floats_only(boxes=boxes, scores=scores)
    check_thresholds(
        score_threshold=score_threshold, nms_threshold=nms_threshold, min_size=min_size
    )
    if min_size < _LEAST_SIZE:
        raise Unsupported("NNAPI suppresses boxes without area by each other", min_size=min_size)
    count, classes = scores.static_shape
    if classes < 2:
        raise Unsupported("NNAPI needs a class beside the background", classes=classes)
    if max_detections < 1:
        raise Unsupported("NNAPI takes no limit of 0 detections")
    corners = columns(nn, boxes)
    large = _large(nn, corners, min_size)
    nothing = nn.full(corners[0], 0.0, torch.float32)
    kept = [nn.emit(ops.SELECT, mask=large, a=one, b=nothing) for one in corners]
    found = nn.emit_many(
        ops.BOX_WITH_NMS_LIMIT,
        outs=[
            spec(torch.float32),
            spec(torch.float32, 4),
            spec(torch.int32),
            spec(torch.int32),
        ],
        scores=nn.emit(
            ops.SELECT,
            mask=nn.reshape(large, (count, classes)),
            a=scores,
            b=nn.full(scores, 0.0, torch.float32),
        ),
        boxes=nn.reshape(side_by_side(nn, kept), (count, 4 * classes)),
        batch_index=nn.constant(np.zeros(count), torch.int32),
        score_threshold=max(score_threshold, SMALLEST),
        max_num_detections=max_detections,
        kernel=_HARD,
        iou_threshold=above(nms_threshold),
        sigma=1.0,
        # What is suppressed has score 0.
        nms_score_threshold=SMALLEST,
    )
    return _by_score(nn, found[1], found[0], found[2], classes, max_detections)


def _large(nn: Context, corners: Sequence[Value], min_size: float) -> Value:
    """Of boxes as four columns: which are at least so wide and high."""
    x1, y1, x2, y2 = corners
    least = nn.constant(min_size)
    wide, high = (
        nn.emit(ops.GREATER_EQUAL, a=nn.emit(ops.SUB, a=to, b=from_), b=least)
        for to, from_ in ((x2, x1), (y2, y1))
    )
    return nn.emit(ops.LOGICAL_AND, a=wide, b=high)


def _by_score(
    nn: Context, boxes: Value, scores: Value, labels: Value, classes: int, count: int
) -> tuple[Value, Value, Value]:
    """Detections by class as detections by score. TOPK_V2 takes the last of equal ones first."""
    known = nn.emit(ops.CAST, input=labels, shape=labels.shape, dtype=torch.float32)
    boxes, scores, known = (backwards(nn, padded(nn, one, count)) for one in (boxes, scores, known))
    places = TensorSpec((count,), torch.int32)
    best, order = nn.emit_many(ops.TOPK_V2, outs=[scores.spec, places], input=scores, k=count)
    return rows(nn, boxes, order), best, class_labels(nn, rows(nn, known, order), classes)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
