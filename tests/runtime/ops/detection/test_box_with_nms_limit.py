"""BOX_WITH_NMS_LIMIT."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType
from nnapi_runtime.errors import NnapiError
from tests.runtime.ops.detection.box_reference import soft_nms
from tests.runtime.ops.detection.detection_operands import DetectionOperands
from tests.runtime.ops.single_op import Tensor, run_operation, tensor

I32 = OperandCode.TENSOR_INT32


def kernel(kind: int, threshold: float, sigma: float) -> Callable[[float], float]:
    return [
        lambda overlap: float(overlap < threshold),
        lambda overlap: 1.0 if overlap < threshold else 1 - overlap,
        lambda overlap: float(np.exp(-(overlap**2) / sigma)),
    ][kind]


@given(st.data())
def test_box_with_nms_limit(data: st.DataObject) -> None:
    new = DetectionOperands(data, "f4 f2 u1 i1")
    count = data.draw(st.integers(1 if new.quantised else 0, 30), label="boxes")
    classes = data.draw(st.integers(2, 4))
    # All scores differ by far more than rounding can change, so that there are no ties.
    levels = new.random.permutation(count * classes).reshape(count, classes)
    quant = new.quant(1 / 256, 0.0)
    scores = new.values((levels + 20) / 256, quant)
    corners = new.random_boxes(count * classes, 20, 30)
    # Sides of at least one pixel; overlaps aren't exactly at a threshold.
    corners[:, 2:] += 1
    boxes = new.boxes(corners.reshape(count, classes * 4))
    batch = np.sort(new.random.integers(0, 3, count))
    kind = data.draw(st.integers(0, 2), label="kernel")
    threshold, sigma = 0.311, 0.471
    most = data.draw(st.sampled_from([-1, 0, 1, 4]), label="most")
    least, lowered_least = data.draw(st.sampled_from([(0.0, 0.0), (0.25, 0.126), (0.4, 0.3)]))
    results = run_operation(
        ops.BOX_WITH_NMS_LIMIT,
        [
            OperandType(scores.code, (0,), quant),
            new.box_type(0, 4),
            OperandType(I32, (0,)),
            OperandType(I32, (0,)),
        ],
        scores=scores,
        boxes=boxes,
        batch_index=new.integers(batch),
        score_threshold=least,
        max_num_detections=most,
        kernel=kind,
        iou_threshold=threshold,
        sigma=sigma,
        nms_score_threshold=lowered_least,
    )

    rows: list[tuple[float, ...]] = []
    by_box = boxes.real.reshape(count, classes, 4)
    for image in np.unique(batch):
        found: list[tuple[float, int, int]] = []
        members = np.flatnonzero(batch == image)
        for c in range(1, classes):
            candidates = [i for i in members if scores.real[i, c] > least]
            weight = kernel(kind, threshold, sigma)
            limit = len(candidates) if most < 0 else most
            kept = soft_nms(
                scores.real[:, c], by_box[:, c], weight, lowered_least, limit, candidates
            )
            found += [(score, c, i) for i, score in kept]
        found.sort(key=lambda item: -item[0])
        for score, c, i in found[: None if most < 0 else most]:
            rows.append((image, c, *by_box[i, c], score))

    out_scores = Tensor(results[0], scores.code, quant).real
    out_boxes = Tensor(results[1], boxes.code, boxes.quant).real.reshape(-1, 4)
    actual = np.column_stack([results[3], results[2], out_boxes, out_scores])
    assert len(actual) == len(rows)
    # Boxes tell which is which; the order within an image isn't promised.
    expected = np.array(sorted(rows)).reshape(-1, 7)
    actual = np.array(sorted(map(tuple, actual))).reshape(-1, 7)
    np.testing.assert_array_equal(actual[:, :6], expected[:, :6])
    limit = 1e-5 if new.kind == "f4" else 1 / 256 + 1e-6
    np.testing.assert_allclose(actual[:, 6], expected[:, 6], atol=limit)


def run_small(**changes: Any) -> list[np.ndarray]:
    """Two boxes of two classes."""
    operands: dict[str, Any] = {
        "scores": tensor(np.array([[0.1, 0.9], [0.2, 0.8]], np.float32)),
        "boxes": tensor(np.array([[0, 0, 1, 1, 0, 0, 2, 2]] * 2, np.float32)),
        "batch_index": tensor(np.zeros(2, np.int32)),
        "score_threshold": 0.0,
        "max_num_detections": -1,
        "kernel": 0,
        "iou_threshold": 0.5,
        "sigma": 0.5,
        "nms_score_threshold": 0.1,
    }
    float32 = OperandCode.TENSOR_FLOAT32
    outputs = [OperandType(float32, (0,)), OperandType(float32, (0, 4))] + [
        OperandType(I32, (0,))
    ] * 2
    return run_operation(ops.BOX_WITH_NMS_LIMIT, outputs, **operands | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"kernel": 3},
        {"kernel": -1},
        {"kernel": 2, "sigma": 0.0},
        {"kernel": 2, "sigma": float("nan")},
        {"scores": tensor(np.zeros((2, 1), np.float32))},
        {"scores": tensor(np.zeros((2, 3), np.float32))},
        {"batch_index": tensor(np.zeros(3, np.int32))},
        {"boxes": tensor(np.array([[0, 0, 1, 1, 3, 0, 2, 2]] * 2, np.float32))},
        {"boxes": tensor(np.array([[0, 0, 1, 1, 0, np.nan, 2, 2]] * 2, np.float32))},
    ],
    ids=lambda changes: ",".join(changes),
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    assert [len(result) for result in run_small()] == [1, 1, 1, 1]
    with pytest.raises(NnapiError):
        run_small(**changes)


@pytest.mark.parametrize("kernel", [0, 1, 2])
def test_scores_that_are_no_numbers(kernel: int) -> None:
    hard = [np.nan, np.inf, -np.inf, 0.0, 1.0, np.finfo(np.float32).max]
    random = np.random.default_rng(kernel)
    scores = random.choice(hard, (50, 3)).astype(np.float32)
    corners = np.sort(random.choice([0, 1, 2, np.inf, 3e38], (50, 3, 2, 2)), 2)
    results = run_small(
        scores=tensor(scores),
        boxes=tensor(corners.reshape(50, 12).astype(np.float32)),
        batch_index=tensor(np.sort(random.integers(-3, 3, 50)).astype(np.int32)),
        kernel=kernel,
        nms_score_threshold=0.0,
    )
    assert {len(result) for result in results} == {len(results[0])}
    assert len(results[0]) <= 100
