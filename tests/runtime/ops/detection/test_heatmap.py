"""HEATMAP_MAX_KEYPOINT."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType
from nnapi_runtime.errors import NnapiError
from tests.runtime.ops.closeness import assert_within_a_step
from tests.runtime.ops.detection.detection_operands import EIGHTHS, DetectionOperands
from tests.runtime.ops.single_op import run_operation, tensor


def peak(heatmap: np.ndarray, tolerance: float) -> tuple[float, float, float]:
    """Score, x and y (in cells, of the cell's corner) of the top of a square map.

    The surface around the highest cell is taken for a quadratic one, D + g.d + d.H.d / 2.
    """
    y, x = np.unravel_index(np.argmax(heatmap), heatmap.shape)
    around = np.pad(heatmap, 1, mode="reflect")[y : y + 3, x : x + 3]
    gradient = np.array([around[1, 2] - around[1, 0], around[2, 1] - around[0, 1]]) / 2
    cross = (around[2, 2] - around[2, 0] - around[0, 2] + around[0, 0]) / 4
    xx = around[1, 0] - 2 * around[1, 1] + around[1, 2]
    yy = around[0, 1] - 2 * around[1, 1] + around[2, 1]
    hessian = np.array([[xx, cross], [cross, yy]])
    determinant = xx * yy - cross * cross
    # Near the limit, rounding decides whether the surface counts as flat.
    limit = tolerance + tolerance * xx * yy
    assume(abs(abs(determinant) - limit) > 1e-4)
    if abs(determinant) < limit:
        return around[1, 1], float(x), float(y)
    # Ill-conditioned surfaces magnify rounding.
    assume(abs(determinant) > 0.02)
    move = -np.linalg.solve(hessian, gradient)
    farthest = np.abs(move).max()
    if farthest > 1.5:
        move *= 1.5 / farthest
    score = around[1, 1] + gradient @ move + move @ hessian @ move / 2
    return float(score), x + move[0], y + move[1]


@given(st.data())
def test_heatmap_max_keypoint(data: st.DataObject) -> None:
    new = DetectionOperands(data)
    boxes, keypoints = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    size, nchw = data.draw(st.integers(2, 6)), data.draw(st.booleans(), label="nchw")
    values = new.random.standard_normal((boxes, size, size, keypoints))
    values = values.transpose(0, 3, 1, 2) if nchw else values
    heatmaps = new.values(values, new.quant(0.02, -2.5))
    quant = new.quant(0.04, -3.0)
    box = new.boxes(new.random_boxes(boxes, 30, 50))
    scores, places = run_operation(
        ops.HEATMAP_MAX_KEYPOINT,
        [
            OperandType(heatmaps.code, (boxes, keypoints), quant),
            new.box_type(boxes, keypoints, 2),
        ],
        heatmaps=heatmaps,
        boxes=box,
        nchw=nchw,
    )
    maps = heatmaps.real if nchw else heatmaps.real.transpose(0, 3, 1, 2)
    tolerance = 1e-3 if new.kind == "f2" else 1e-5
    expected_scores = np.zeros((boxes, keypoints))
    expected_places = np.zeros((boxes, keypoints, 2))
    for i, k in np.ndindex(boxes, keypoints):
        assume(np.sum(maps[i, k] == maps[i, k].max()) == 1)
        expected_scores[i, k], *at = peak(maps[i, k], tolerance)
        x1, y1, x2, y2 = box.real[i]
        relative = (np.array(at) + 0.5) / size
        expected_places[i, k] = relative * [x2 - x1, y2 - y1] + [x1, y1]
    if quant is not None:
        assert_within_a_step(scores, expected_scores, quant)
        assert_within_a_step(places, expected_places, EIGHTHS)
    else:
        limit = 1e-3 if new.kind == "f4" else 5e-2
        np.testing.assert_allclose(scores.astype(np.float64), expected_scores, limit, limit)
        np.testing.assert_allclose(places.astype(np.float64), expected_places, limit, limit)


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        ((1, 1, 1, 1), [0, 0, 1, 1]),
        ((1, 3, 4, 1), [0, 0, 1, 1]),
        ((2, 3, 3, 1), [0, 0, 1, 1]),
        ((1, 3, 3, 1), [1, 0, 0, 1]),
        ((1, 3, 3, 1), [0, np.nan, 1, 1]),
    ],
)
def test_bad_maps_and_boxes_are_refused(shape: tuple[int, ...], box: list[float]) -> None:
    float32 = OperandCode.TENSOR_FLOAT32
    with pytest.raises(NnapiError):
        run_operation(
            ops.HEATMAP_MAX_KEYPOINT,
            [OperandType(float32, (0, 0)), OperandType(float32, (0, 0, 2))],
            heatmaps=tensor(np.zeros(shape, np.float32)),
            boxes=tensor(np.array([box], np.float32)),
            nchw=False,
        )
