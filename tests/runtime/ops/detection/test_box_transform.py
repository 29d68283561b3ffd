"""AXIS_ALIGNED_BBOX_TRANSFORM."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType
from nnapi_runtime.errors import NnapiError
from tests.runtime.ops.detection.box_reference import move
from tests.runtime.ops.detection.detection_operands import EIGHTHS, DetectionOperands
from tests.runtime.ops.single_op import run_operation, tensor


@given(st.data())
def test_axis_aligned_bbox_transform(data: st.DataObject) -> None:
    new = DetectionOperands(data)
    count = data.draw(st.integers(1 if new.quantised else 0, 8), label="boxes")
    classes, images = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    boxes = new.boxes(new.random_boxes(count, 60, 100))
    moves = new.random.standard_normal((count, classes * 4)) * 0.5
    deltas = new.values(moves, new.quant(0.02, -2.5))
    batch = np.sort(new.random.integers(0, images, count))
    sizes = new.boxes(np.tile([[64.0, 96.0]], (images, 1)))
    (result,) = run_operation(
        ops.AXIS_ALIGNED_BBOX_TRANSFORM,
        [new.box_type(count, 0)],
        rois=boxes,
        deltas=deltas,
        batch_index=new.integers(batch),
        image_info=sizes,
    )
    per_class = deltas.real.reshape(count, classes, 4)
    expected = np.zeros((count, classes, 4))
    for i, c in np.ndindex(count, classes):
        expected[i, c] = move(boxes.real[i], per_class[i, c], sizes.real[batch[i]])
    actual = result.reshape(expected.shape) * (EIGHTHS.scale if new.quantised else 1.0)
    limit = {"f4": 1e-4, "f2": 0.06}.get(new.kind, 0.0626)
    np.testing.assert_allclose(actual.astype(np.float64), expected, atol=limit)


@pytest.mark.parametrize(
    ("box", "image"),
    [
        ([1, 0, 0, 1], 0),
        ([0, 1, 1, 0], 0),
        ([np.nan, 0, 1, 1], 0),
        ([0, 0, 1, 1], 1),
        ([0, 0, 1, 1], -1),
        ([0, 0, 1, 1], 2**31 - 1),
    ],
)
def test_bad_boxes_and_images_are_refused(box: list[float], image: int) -> None:
    with pytest.raises(NnapiError, match="box 0"):
        run_operation(
            ops.AXIS_ALIGNED_BBOX_TRANSFORM,
            [OperandType(OperandCode.TENSOR_FLOAT32, (1, 4))],
            rois=tensor(np.array([box], np.float32)),
            deltas=tensor(np.zeros((1, 4), np.float32)),
            batch_index=tensor(np.array([image], np.int32)),
            image_info=tensor(np.array([[8, 8]], np.float32)),
        )
