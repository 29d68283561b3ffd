"""Boxes moved by what a head says of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
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
from nnapi_ops.detection._boxes import NUMBERS, SIXTEEN_BITS, limited, ordered, weighed
from nnapi_ops.detection._fixed_size_results import floats_only

nnapi = torch.ops.nnapi


@lowering(
    nnapi.box_transform.default,
    layout=Layout.TORCH,
    limitations=[NUMBERS],
    in_floats=SIXTEEN_BITS,
)
def box_transform(
    nn: Context, boxes: Value, deltas: Value, image_size: Sequence[int], weights: Sequence[float]
) -> Value:
    """box_transform(Tensor boxes, Tensor deltas, int[2] image_size, float[4] weights) -> Tensor"""
    floats_only(boxes=boxes, deltas=deltas)
    count, width = deltas.static_shape
    return nn.emit(
        ops.AXIS_ALIGNED_BBOX_TRANSFORM,
        rois=ordered(nn, boxes),
        deltas=limited(nn, weighed(nn, deltas, weights), width // 4, dim=1),
        batch_index=nn.constant(np.zeros(count), torch.int32),
        image_info=nn.constant([image_size]),
        out=nn.out,
    )


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
