"""Detections of a single-shot head."""

from __future__ import annotations

from collections.abc import Sequence

import torch

import nnapi_core.detection.operators  # noqa: F401 (defines torch.ops.nnapi)
from nnapi_core.detection.boxes import above
from nnapi_core.plugin import (
    Bounds,
    Context,
    Layout,
    Lowering,
    TensorSpec,
    Unsupported,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.detection._boxes import NUMBERS, check_thresholds, class_labels, limited, weighed
from nnapi_ops.detection._fixed_size_results import columns, floats_only, side_by_side

nnapi = torch.ops.nnapi

_NONE = "NNAPI's operation has no integer form"


@lowering(
    nnapi.detection_postprocessing.default,
    layout=Layout.TORCH,
    limitations=[NUMBERS],
    in_floats=_NONE,
)
def detection_postprocessing(
    nn: Context,
    scores: Value,
    deltas: Value,
    anchors: Value,
    weights: Sequence[float],
    score_threshold: float,
    nms_threshold: float,
    max_detections: int,
) -> tuple[Value, Value, Value]:
    """
    detection_postprocessing(Tensor scores, Tensor deltas, Tensor anchors, float[4] weights, float score_threshold, float nms_threshold, int max_detections) -> (Tensor boxes, Tensor scores, Tensor labels)

    NNAPI has y before x, anchors as centre and size, and one batch of images.
    """
    floats_only(scores=scores, deltas=deltas)
    check_thresholds(score_threshold=score_threshold, nms_threshold=nms_threshold)
    count, classes = scores.static_shape
    if classes < 2:
        raise Unsupported("NNAPI needs a class beside the background", classes=classes)
    if max_detections < 1:
        raise Unsupported("NNAPI takes no limit of 0 detections")
    corners = torch.from_numpy(anchors.array())
    size = corners[:, 2:] - corners[:, :2]
    if bool((size < 0).any()):
        raise Unsupported("anchors have their corners the wrong way round")
    centres = torch.cat([corners[:, :2] + 0.5 * size, size], dim=1)
    x, y, w, h = columns(nn, limited(nn, weighed(nn, deltas, weights), 1, dim=1))
    found = nn.emit_many(
        ops.DETECTION_POSTPROCESSING,
        outs=[
            TensorSpec((1, max_detections), torch.float32),
            TensorSpec((1, max_detections, 4), torch.float32),
            TensorSpec((1, max_detections), torch.int32),
            TensorSpec((1,), torch.int32),
        ],
        scores=nn.reshape(scores, (1, count, classes)),
        deltas=nn.reshape(side_by_side(nn, [y, x, h, w]), (1, count, 4)),
        anchors=nn.constant(centres[:, [1, 0, 3, 2]].numpy()),
        scale_y=1.0,
        scale_x=1.0,
        scale_h=1.0,
        scale_w=1.0,
        regular_nms=True,
        max_detections=max_detections,
        max_classes=1,
        max_per_class=count,
        score_threshold=score_threshold,
        iou_threshold=above(nms_threshold),
        background_label=True,
    )
    top, left, bottom, right = columns(nn, nn.reshape(found[1], (max_detections, 4)))
    labels = nn.cast(found[2].bounded(Bounds(0, classes - 1)), torch.float32)
    return (
        side_by_side(nn, [left, top, right, bottom]),
        nn.reshape(found[0], (max_detections,)),
        class_labels(nn, nn.reshape(labels, (max_detections,)), classes),
    )


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
