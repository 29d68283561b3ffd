"""Proposals of regions: anchors that are moved, scored, and suppressed where they overlap better ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

import nnapi_core.detection.operators  # noqa: F401 (defines torch.ops.nnapi)
from nnapi_core.detection.boxes import above, below
from nnapi_core.plugin import (
    Context,
    Layout,
    Lowering,
    Unsupported,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.detection._boxes import NUMBERS, SIXTEEN_BITS, check_thresholds, limited
from nnapi_ops.detection._fixed_size_results import floats_only, padded, spec

nnapi = torch.ops.nnapi


@lowering(
    nnapi.generate_proposals.default,
    layout=Layout.IMAGE,
    limitations=[NUMBERS],
    in_floats=SIXTEEN_BITS,
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
    check_thresholds(nms_threshold=nms_threshold)
    largest = np.float32(max(image_size))
    if min_size <= 2 * float(largest - np.nextafter(largest, np.float32(0))):
        raise Unsupported("NNAPI drops tiny boxes at the border", min_size=min_size)
    if pre_nms_top_n < 1 or post_nms_top_n < 1:
        raise Unsupported("NNAPI takes no limit of 0 proposals")
    found = nn.emit_many(
        ops.GENERATE_PROPOSALS,
        outs=[spec(torch.float32), spec(torch.float32, 4), spec(torch.int32)],
        scores=scores,
        deltas=limited(nn, deltas, scores.static_shape[1], dim=1),
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


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
