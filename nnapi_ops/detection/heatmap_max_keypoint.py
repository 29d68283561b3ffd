"""Keypoints: where heat maps are highest."""

from __future__ import annotations

import torch

import nnapi_core.detection.operators  # noqa: F401 (defines torch.ops.nnapi)
from nnapi_core.plugin import (
    Context,
    Layout,
    Lowering,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.detection._boxes import NUMBERS, SIXTEEN_BITS, ordered
from nnapi_ops.detection._fixed_size_results import floats_only

nnapi = torch.ops.nnapi


@lowering(
    nnapi.heatmap_max_keypoint.default,
    layout=Layout.IMAGE,
    limitations=[NUMBERS],
    in_floats=SIXTEEN_BITS,
)
def heatmap_max_keypoint(nn: Context, heatmaps: Value, boxes: Value) -> tuple[Value, Value]:
    """heatmap_max_keypoint(Tensor heatmaps, Tensor boxes) -> (Tensor keypoints, Tensor scores)"""
    floats_only(heatmaps=heatmaps, boxes=boxes)
    keypoints, heights = nn.outs
    scores, places = nn.emit_many(
        ops.HEATMAP_MAX_KEYPOINT,
        outs=[heights, keypoints],
        heatmaps=heatmaps,
        boxes=ordered(nn, boxes),
        nchw=False,
    )
    return places, scores


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
