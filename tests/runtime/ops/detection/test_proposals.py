"""GENERATE_PROPOSALS."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType, Quant
from nnapi_runtime.errors import NnapiError
from tests.runtime.ops.detection.box_reference import hard_nms, move
from tests.runtime.ops.detection.detection_operands import EIGHTHS, DetectionOperands
from tests.runtime.ops.single_op import Tensor, run_operation, tensor

I32 = OperandCode.TENSOR_INT32


def channels_first(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2))


@given(st.data())
def test_generate_proposals(data: st.DataObject) -> None:
    new = DetectionOperands(data)
    batch, height, width, anchors = (data.draw(st.integers(1, n)) for n in (2, 3, 3, 3))
    nchw = data.draw(st.booleans(), label="nchw")
    arranged = channels_first if nchw else np.asarray
    grid = (batch, height, width)
    levels = new.random.permutation(int(np.prod(grid)) * anchors).reshape(*grid, anchors)
    score_quant, delta_quant = new.quant(1 / 256, 0.0), new.quant(0.01, -1.28)
    moves = new.random.standard_normal((*grid, anchors * 4)) * 0.2
    scores = new.values(arranged((levels + 20) / 256), score_quant)
    deltas = new.values(arranged(moves), delta_quant)
    shapes = new.random_boxes(anchors, 24, 24) - 10
    shapes[:, 2:] += 4
    if new.quantised:
        eighths = np.round(shapes * 8).astype("i2")
        anchor = Tensor(eighths, OperandCode.TENSOR_QUANT16_SYMM, Quant(0.125))
    else:
        anchor = new.boxes(shapes)
    sizes = new.boxes(np.tile([[40.0, 48.0]], (batch, 1)))
    before, after = (data.draw(st.sampled_from([-1, 0, 1, 5]), label="most") for _ in range(2))
    threshold, least = 0.411, data.draw(st.sampled_from([0.0, 6.03]))
    results = run_operation(
        ops.GENERATE_PROPOSALS,
        [OperandType(scores.code, (0,), score_quant), new.box_type(0, 4), OperandType(I32, (0,))],
        scores=scores,
        deltas=deltas,
        anchors=anchor,
        image_info=sizes,
        ratio_h=8.0,
        ratio_w=4.0,
        pre_nms_max=before,
        post_nms_max=after,
        iou_threshold=threshold,
        min_size=least,
        nchw=nchw,
    )

    def flat(values: Tensor, size: int) -> np.ndarray:
        real = values.real.transpose(0, 2, 3, 1) if nchw else values.real
        return real.reshape(batch, -1, size)

    by_image_scores, by_image_deltas = flat(scores, 1)[:, :, 0], flat(deltas, 4)
    expected: list[tuple[float, ...]] = []
    for image in range(batch):
        rows, columns, which = np.unravel_index(
            np.arange(height * width * anchors), (height, width, anchors)
        )
        shift = np.stack([columns * 4.0, rows * 8.0] * 2, -1)
        boxes = np.array(
            [
                move(box, delta, sizes.real[image])
                for box, delta in zip(
                    anchor.real[which] + shift, by_image_deltas[image], strict=True
                )
            ]
        )
        order = np.argsort(-by_image_scores[image])
        order = order[: before if before > 0 else None]
        w, h = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
        inside = (boxes[:, 0] + w / 2 < 48) & (boxes[:, 1] + h / 2 < 40)
        candidates = [int(i) for i in order if w[i] > least and h[i] > least and inside[i]]
        most = after if after > 0 else len(candidates)
        for i in hard_nms(by_image_scores[image], boxes, threshold, most, candidates):
            expected.append((image, by_image_scores[image][i], *boxes[i]))

    out_boxes = results[1].reshape(-1, 4) * (EIGHTHS.scale if new.quantised else 1.0)
    out_scores = Tensor(results[0], scores.code, score_quant).real
    actual = np.column_stack([results[2], out_scores, out_boxes.astype(np.float64)])
    np.testing.assert_allclose(actual[:, :2], np.reshape(expected, (-1, 6))[:, :2], atol=1e-6)
    limit = {"f4": 1e-4, "f2": 0.04}.get(new.kind, 0.0626)
    np.testing.assert_allclose(actual[:, 2:], np.reshape(expected, (-1, 6))[:, 2:], atol=limit)


def run_small(**changes: Any) -> list[np.ndarray]:
    operands: dict[str, Any] = {
        "scores": tensor(np.ones((1, 2, 2, 1), np.float32)),
        "deltas": tensor(np.zeros((1, 2, 2, 4), np.float32)),
        "anchors": tensor(np.array([[0, 0, 4, 4]], np.float32)),
        "image_info": tensor(np.array([[16, 16]], np.float32)),
        "ratio_h": 8.0,
        "ratio_w": 8.0,
        "pre_nms_max": -1,
        "post_nms_max": -1,
        "iou_threshold": 0.5,
        "min_size": 1.0,
        "nchw": False,
    }
    float32 = OperandCode.TENSOR_FLOAT32
    outputs = [OperandType(float32, (0,)), OperandType(float32, (0, 4)), OperandType(I32, (0,))]
    return run_operation(ops.GENERATE_PROPOSALS, outputs, **operands | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"anchors": tensor(np.array([[4, 0, 0, 4]], np.float32))},
        {"anchors": tensor(np.array([[0, 0, 4, np.nan]], np.float32))},
        {"anchors": tensor(np.zeros((2, 4), np.float32))},
        {"deltas": tensor(np.zeros((1, 2, 2, 8), np.float32))},
        {"image_info": tensor(np.zeros((2, 2), np.float32))},
        {"nchw": True},
    ],
    ids=lambda changes: ",".join(changes),
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any]) -> None:
    assert len(run_small()[0]) == 4
    with pytest.raises(NnapiError):
        run_small(**changes)


def test_values_that_are_no_numbers() -> None:
    random = np.random.default_rng(0)
    hard = np.array([np.nan, np.inf, -np.inf, 0.0, 1e30], np.float32)
    scores, boxes, images = run_small(
        scores=tensor(random.choice(hard, (1, 9, 9, 1))),
        deltas=tensor(random.choice(hard, (1, 9, 9, 4))),
        pre_nms_max=50,
    )
    assert len(scores) == len(boxes) == len(images) <= 50
