"""DETECTION_POSTPROCESSING."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType
from nnapi_runtime.errors import NnapiError
from tests.runtime.ops.detection.box_reference import hard_nms
from tests.runtime.ops.float_operands import FloatOperands, real
from tests.runtime.ops.single_op import run_operation, tensor

I32 = OperandCode.TENSOR_INT32
SCALES = {"y": 10.0, "x": 8.0, "h": 5.0, "w": 4.0}


def decode(anchors: np.ndarray, deltas: np.ndarray) -> np.ndarray:
    """Boxes ``[y1, x1, y2, x2]`` of anchors given by centre and size."""
    centre = anchors[:, :2] + anchors[:, 2:] * deltas[:, :2] / [SCALES["y"], SCALES["x"]]
    half = anchors[:, 2:] * np.exp(deltas[:, 2:4] / [SCALES["h"], SCALES["w"]]) / 2
    return np.concatenate([centre - half, centre + half], -1)


@given(st.data())
def test_detection_postprocessing(data: st.DataObject) -> None:
    new = FloatOperands(data)
    batch, anchors = data.draw(st.integers(0, 2)), data.draw(st.integers(1, 15))
    classes, code_size = data.draw(st.integers(2, 4)), data.draw(st.integers(4, 6))
    levels = new.random.permutation(batch * anchors * classes)
    scores = new.of((levels.reshape(batch, anchors, classes) + 20) / 256)
    deltas = new(batch, anchors, code_size)
    shapes = np.round(new.random.uniform([0, 0, 4, 4], [20, 20, 12, 12], (anchors, 4)) * 8) / 8
    anchor = new.of(shapes)
    regular = data.draw(st.booleans(), label="regular")
    most, most_classes, most_per_class = (data.draw(st.integers(1, 6)) for _ in range(3))
    least, background = data.draw(st.sampled_from([0.0, 0.2])), data.draw(st.booleans())
    threshold = 0.311
    rows = most if regular else most * most_classes
    results = run_operation(
        ops.DETECTION_POSTPROCESSING,
        [
            new.output(batch, rows),
            new.output(batch, rows, 4),
            OperandType(I32, (batch, rows)),
            OperandType(I32, (batch,)),
        ],
        scores=scores,
        deltas=deltas,
        anchors=anchor,
        **{f"scale_{axis}": scale for axis, scale in SCALES.items()},
        regular_nms=regular,
        max_detections=most,
        max_classes=most_classes,
        max_per_class=most_per_class,
        score_threshold=least,
        iou_threshold=threshold,
        background_label=background,
    )

    expected_scores, expected_boxes = np.zeros((batch, rows)), np.zeros((batch, rows, 4))
    labels, counts = np.zeros((batch, rows), int), []
    for image in range(batch):
        boxes, values = decode(real(anchor), real(deltas)[image]), real(scores)[image]
        found: list[tuple[float, int, int]] = []
        if regular:
            for c in range(1, classes):
                candidates = [a for a in range(anchors) if values[a, c] > least]
                kept = hard_nms(values[:, c], boxes, threshold, most_per_class, candidates)
                found += [(values[a, c], c, a) for a in kept]
            found = sorted(found, reverse=True)[:most]
        else:
            best = values[:, 1:].max(-1)
            candidates = [a for a in range(anchors) if best[a] > least]
            for a in hard_nms(best, boxes, threshold, most, candidates):
                order = sorted(range(1, classes), key=lambda c: -values[a, c])
                found += [(values[a, c], c, a) for c in order[:most_classes]]
        for row, (score, c, a) in enumerate(found):
            expected_scores[image, row], expected_boxes[image, row] = score, boxes[a]
            labels[image, row] = c if background else c - 1
        counts.append(len(found))
    np.testing.assert_array_equal(results[3], counts)
    np.testing.assert_array_equal(results[2], labels)
    new.assert_close(results[0], expected_scores)
    new.assert_close(results[1], expected_boxes, 1e-4)


def run_small(**changes: Any) -> None:
    operands: dict[str, Any] = {
        "scores": tensor(np.zeros((1, 3, 2), np.float32)),
        "deltas": tensor(np.zeros((1, 3, 4), np.float32)),
        "anchors": tensor(np.zeros((3, 4), np.float32)),
        **{f"scale_{axis}": 1.0 for axis in SCALES},
        "regular_nms": True,
        "max_detections": 2,
        "max_classes": 1,
        "max_per_class": 1,
        "score_threshold": 0.5,
        "iou_threshold": 0.5,
        "background_label": False,
    }
    float32 = OperandCode.TENSOR_FLOAT32
    outputs = [OperandType(float32, (1, 0)), OperandType(float32, (1, 0, 4))]
    outputs += [OperandType(I32, (1, 0)), OperandType(I32, (1,))]
    run_operation(ops.DETECTION_POSTPROCESSING, outputs, **operands | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"scale_y": 0.0},
        {"scale_w": -1.0},
        {"scale_h": float("nan")},
        {"max_detections": 0},
        {"max_detections": -1},
        {"max_per_class": 0},
        {"regular_nms": False, "max_classes": 0},
        {"regular_nms": False, "max_detections": 2**31 - 1, "max_classes": 2**31 - 1},
        {"score_threshold": -0.1},
        {"iou_threshold": float("nan")},
        {"scores": tensor(np.zeros((1, 3, 1), np.float32))},
        {"deltas": tensor(np.zeros((1, 3, 3), np.float32))},
        {"anchors": tensor(np.zeros((2, 4), np.float32))},
    ],
    ids=lambda changes: ",".join(changes),
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    run_small()
    with pytest.raises(NnapiError):
        run_small(**changes)


@pytest.mark.parametrize("regular", [True, False])
def test_values_that_are_no_numbers(regular: bool) -> None:
    random = np.random.default_rng(0)
    hard = np.array([np.nan, np.inf, -np.inf, 0.0, 1e30], np.float32)
    run_small(
        scores=tensor(random.choice(hard, (1, 40, 5))),
        deltas=tensor(random.choice(hard, (1, 40, 4))),
        anchors=tensor(random.choice(hard, (40, 4))),
        regular_nms=regular,
        max_detections=30,
        max_classes=3,
        max_per_class=20,
    )
