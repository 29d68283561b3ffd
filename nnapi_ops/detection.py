"""Proposals and detections: boxes that are moved, scored, and suppressed where they overlap better ones.

NNAPI suppresses from an overlap on, torchvision above it; NNAPI keeps sizes above a least one, torchvision from it
on. Both are the same for the next float32 number (`above`, `below`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

import nnapi_core.detection.operators  # noqa: F401 (defines torch.ops.nnapi)
from nnapi_core.detection.boxes import LOG_SIZE_LIMIT, SMALLEST, above, below
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
from nnapi_ops.found import (
    backwards,
    columns,
    floats_only,
    padded,
    rows,
    side_by_side,
    spec,
)

nnapi = torch.ops.nnapi

_SIXTEEN_BITS = (
    "NNAPI's integer form has boxes in eighths of a pixel (TENSOR_QUANT16_ASYMM), which no other operation makes of "
    "floats, pads, picks, or turns into floats"
)
_NONE = "NNAPI's operation has no integer form"
_NUMBERS = Limitation("scores, deltas and boxes are finite numbers")
# BOX_WITH_NMS_LIMIT's kernels.
_HARD = 0
# Its boxes without area suppress each other, torchvision's do not; the square of this is an area.
_LEAST_SIZE = 1e-15
_EMPTY = Limitation(
    "box_with_nms_limit: a least size above 0, since NNAPI suppresses empty boxes by each other"
)


@lowering(
    nnapi.generate_proposals.default,
    layout=Layout.IMAGE,
    limitations=[_NUMBERS],
    in_floats=_SIXTEEN_BITS,
)
def generate_proposals(
    nn: Context,
    scores: Value,
    deltas: Value,
    anchors: Value,
    image_size: Sequence[int],
    stride: Sequence[float],
    pre_nms_top_n: int,
    post_nms_top_n: int,
    nms_threshold: float,
    min_size: float,
) -> tuple[Value, Value]:
    """
    generate_proposals(Tensor scores, Tensor deltas, Tensor anchors, int[2] image_size, float[2] stride, int pre_nms_top_n, int post_nms_top_n, float nms_threshold, float min_size) -> (Tensor boxes, Tensor scores)

    NNAPI drops boxes whose centre is not inside of the image: of clipped ones, those too small to have it there.
    """
    floats_only(scores=scores, deltas=deltas, anchors=anchors)
    _check_thresholds(nms_threshold=nms_threshold)
    largest = np.float32(max(image_size))
    if min_size <= 2 * float(largest - np.nextafter(largest, np.float32(0))):
        raise Unsupported("NNAPI drops tiny boxes at the border", min_size=min_size)
    if pre_nms_top_n < 1 or post_nms_top_n < 1:
        raise Unsupported("NNAPI takes no limit of 0 proposals")
    found = nn.emit_many(
        ops.GENERATE_PROPOSALS,
        outs=[spec(torch.float32), spec(torch.float32, 4), spec(torch.int32)],
        scores=scores,
        deltas=_limited(nn, deltas, scores.static_shape[1], dim=1),
        anchors=anchors,
        image_info=nn.constant([image_size]),
        ratio_h=float(stride[0]),
        ratio_w=float(stride[1]),
        pre_nms_max=pre_nms_top_n,
        post_nms_max=post_nms_top_n,
        iou_threshold=above(nms_threshold),
        min_size=below(min_size),
        nchw=False,
    )
    count = min(scores.spec.count, pre_nms_top_n, post_nms_top_n)
    return padded(nn, found[1], count), padded(nn, found[0], count, -np.inf)


@lowering(
    nnapi.box_transform.default,
    layout=Layout.TORCH,
    limitations=[_NUMBERS],
    in_floats=_SIXTEEN_BITS,
)
def box_transform(
    nn: Context, boxes: Value, deltas: Value, image_size: Sequence[int], weights: Sequence[float]
) -> Value:
    """box_transform(Tensor boxes, Tensor deltas, int[2] image_size, float[4] weights) -> Tensor"""
    floats_only(boxes=boxes, deltas=deltas)
    count, width = deltas.static_shape
    return nn.emit(
        ops.AXIS_ALIGNED_BBOX_TRANSFORM,
        rois=_ordered(nn, boxes),
        deltas=_limited(nn, _weighed(nn, deltas, weights), width // 4, dim=1),
        batch_index=nn.constant(np.zeros(count), torch.int32),
        image_info=nn.constant([image_size]),
        out=nn.out,
    )


@lowering(
    nnapi.box_with_nms_limit.default,
    layout=Layout.TORCH,
    limitations=[_NUMBERS, _EMPTY],
    in_floats=_SIXTEEN_BITS,
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
    _check_thresholds(
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


@lowering(
    nnapi.detection_postprocessing.default,
    layout=Layout.TORCH,
    limitations=[_NUMBERS],
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
    _check_thresholds(score_threshold=score_threshold, nms_threshold=nms_threshold)
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
    x, y, w, h = columns(nn, _limited(nn, _weighed(nn, deltas, weights), 1, dim=1))
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
        _labels(nn, nn.reshape(labels, (max_detections,)), classes),
    )


@lowering(
    nnapi.heatmap_max_keypoint.default,
    layout=Layout.IMAGE,
    limitations=[_NUMBERS],
    in_floats=_SIXTEEN_BITS,
)
def heatmap_max_keypoint(nn: Context, heatmaps: Value, boxes: Value) -> tuple[Value, Value]:
    """heatmap_max_keypoint(Tensor heatmaps, Tensor boxes) -> (Tensor keypoints, Tensor scores)"""
    floats_only(heatmaps=heatmaps, boxes=boxes)
    keypoints, heights = nn.outs
    scores, places = nn.emit_many(
        ops.HEATMAP_MAX_KEYPOINT,
        outs=[heights, keypoints],
        heatmaps=heatmaps,
        boxes=_ordered(nn, boxes),
        nchw=False,
    )
    return places, scores


def _weighed(nn: Context, deltas: Value, weights: Sequence[float]) -> Value:
    """Deltas [N, 4 * C] divided by their weights."""
    if all(weight == 1 for weight in weights):
        return deltas
    by = np.tile(np.array(weights), deltas.static_shape[1] // 4)
    return nn.emit(ops.DIV, a=deltas, b=nn.constant(by))


def _limited(nn: Context, deltas: Value, boxes: int, *, dim: int) -> Value:
    """Deltas of so many boxes along ``dim``, with changes in size limited as torchvision does."""
    most = np.tile(np.array([np.inf, np.inf, LOG_SIZE_LIMIT, LOG_SIZE_LIMIT]), boxes)
    shape = [1] * deltas.rank
    shape[dim] = 4 * boxes
    return nn.emit(ops.MINIMUM, a=deltas, b=nn.constant(most.reshape(shape)))


def _ordered(nn: Context, boxes: Value) -> Value:
    """Boxes [N, 4] with empty ones where corners are the wrong way round, which NNAPI refuses to run on."""
    if boxes.is_constant:
        array = boxes.array()
        low = array[:, :2]
        return nn.constant(np.concatenate([low, np.maximum(low, array[:, 2:])], axis=1))
    x1, y1, x2, y2 = columns(nn, boxes)
    right, bottom = (nn.emit(ops.MAXIMUM, a=a, b=b) for a, b in ((x1, x2), (y1, y2)))
    return side_by_side(nn, [x1, y1, right, bottom])


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
    return rows(nn, boxes, order), best, _labels(nn, rows(nn, known, order), classes)


def _labels(nn: Context, numbers: Value, classes: int) -> Value:
    whole = nn.emit(ops.CAST, input=numbers, shape=numbers.shape, dtype=torch.int32)
    return nn.cast(whole.bounded(Bounds(0, classes - 1)), torch.int64)


def _check_thresholds(**thresholds: float) -> None:
    for name, number in thresholds.items():
        if not 0 <= number < np.inf:
            raise Unsupported("a threshold is negative or not finite", **{name: number})


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
