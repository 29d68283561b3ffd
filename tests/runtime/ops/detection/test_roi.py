"""ROI_ALIGN and ROI_POOLING."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import OperationSpec, ops
from nnapi_core.nnapi.types import OperandCode, OperandType, Quant
from nnapi_runtime.errors import NnapiError
from tests.runtime.ops.closeness import assert_within_a_step
from tests.runtime.ops.detection.detection_operands import DetectionOperands
from tests.runtime.ops.single_op import Tensor, run_operation, tensor


def bilinear(plane: np.ndarray, y: float, x: float) -> np.ndarray:
    """The value between cells of ``[height, width, channels]``; beyond the last cell, the last cell's."""
    y, x = min(y, plane.shape[0] - 1), min(x, plane.shape[1] - 1)
    y1, x1 = int(y), int(x)
    y2, x2 = min(y1 + 1, plane.shape[0] - 1), min(x1 + 1, plane.shape[1] - 1)
    top = plane[y1, x1] * (x1 + 1 - x) + plane[y1, x2] * (x - x1)
    bottom = plane[y2, x1] * (x1 + 1 - x) + plane[y2, x2] * (x - x1)
    return top * (y1 + 1 - y) + bottom * (y - y1)


def roi_align(
    features: np.ndarray, roi: np.ndarray, out: tuple[int, int], samples: tuple[int, int]
) -> np.ndarray:
    """Of one region ``[x1, y1, x2, y2]`` in cells of ``[height, width, channels]``."""
    x1, y1, x2, y2 = roi
    step = np.maximum([y2 - y1, x2 - x1], 1) / out
    count = [given or int(np.ceil(size)) for given, size in zip(samples, step, strict=True)]
    result = np.zeros((*out, features.shape[2]))
    for i, j in np.ndindex(*out):
        points = [
            bilinear(
                features,
                y1 + step[0] * (i + (a + 0.5) / count[0]),
                x1 + step[1] * (j + (b + 0.5) / count[1]),
            )
            for a, b in np.ndindex(*count)
        ]
        result[i, j] = np.mean(points, 0)
    return result


def roi_pooling(features: np.ndarray, roi: np.ndarray, out: tuple[int, int]) -> np.ndarray:
    x1, y1, x2, y2 = np.floor(np.asarray(roi, np.float32) + np.float32(0.5))
    channels = features.shape[2]
    step = (np.maximum([y2 - y1 + 1, x2 - x1 + 1], 1) / np.float32(out)).astype(np.float32)
    result = np.zeros((*out, channels))
    for i, j in np.ndindex(*out):
        top, left = int(step[0] * np.float32(i) + y1), int(step[1] * np.float32(j) + x1)
        bottom = int(np.ceil(step[0] * np.float32(i + 1) + y1))
        right = int(np.ceil(step[1] * np.float32(j + 1) + x1))
        part = features[top:bottom, left:right].reshape(-1, channels)
        result[i, j] = part.max(0) if len(part) else 0
    return result


class Regions:
    """A random feature map and regions of it."""

    def __init__(self, data: st.DataObject) -> None:
        self.new = new = DetectionOperands(data)
        batch, self.height, self.width = (data.draw(st.integers(1, n)) for n in (3, 9, 9))
        channels = data.draw(st.sampled_from([1, 3, 65]))
        # Quantised boxes without any could only come from another detection operation.
        count = data.draw(st.integers(1 if new.quantised else 0, 6), label="regions")
        self.nchw = data.draw(st.booleans(), label="nchw")
        # Powers of two, so that regions in cells are exact in every type.
        self.strides = [data.draw(st.sampled_from([0.5, 1.0, 2.0, 4.0])) for _ in range(2)]
        self.out = (data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4)))
        values = new.random.standard_normal((batch, self.height, self.width, channels))
        self.features = new.values(self.arranged(values), new.quant(0.03, -3.5))
        image = [
            size * stride
            for size, stride in zip((self.height, self.width), self.strides, strict=True)
        ]
        self.regions = new.boxes(new.random_boxes(count, *image))
        self.batch = new.integers(np.sort(new.random.integers(0, batch, count)))

    def arranged(self, values: np.ndarray) -> np.ndarray:
        return values.transpose(0, 3, 1, 2) if self.nchw else values

    @property
    def maps(self) -> np.ndarray:
        """Features that each region is of, channels last."""
        real = self.features.real
        return (real.transpose(0, 2, 3, 1) if self.nchw else real)[self.batch.data]

    @property
    def in_cells(self) -> np.ndarray:
        height, width = self.strides
        return self.regions.real / [width, height, width, height]

    def output(self, quant: Quant | None) -> OperandType:
        count, channels = len(self.regions.data), self.features.data.shape[1 if self.nchw else 3]
        dims = (count, channels, *self.out) if self.nchw else (count, *self.out, channels)
        return OperandType(self.features.code, dims, quant)

    def operands(self) -> dict[str, Any]:
        return {
            "input": self.features,
            "rois": self.regions,
            "batch_index": self.batch,
            "height": self.out[0],
            "width": self.out[1],
            "ratio_h": self.strides[0],
            "ratio_w": self.strides[1],
            "nchw": self.nchw,
        }


@given(st.data())
def test_roi_align(data: st.DataObject) -> None:
    r = Regions(data)
    samples = (data.draw(st.integers(0, 3)), data.draw(st.integers(0, 3)))
    quant = r.new.quant(0.02, -2.0)
    (result,) = run_operation(
        ops.ROI_ALIGN,
        [r.output(quant)],
        **r.operands(),
        samples_h=samples[0],
        samples_w=samples[1],
    )
    pairs = zip(r.maps, r.in_cells, strict=True)
    averages = [roi_align(features, roi, r.out, samples) for features, roi in pairs]
    expected = r.arranged(np.reshape(averages, (-1, *r.out, r.maps.shape[-1])))
    if quant is not None:
        assert_within_a_step(result, expected, quant)
    else:
        limit = 1e-5 if r.new.kind == "f4" else 2e-3
        np.testing.assert_allclose(result.astype(np.float64), expected, limit, limit)


@given(st.data())
def test_roi_pooling(data: st.DataObject) -> None:
    r = Regions(data)
    (result,) = run_operation(ops.ROI_POOLING, [r.output(r.features.quant)], **r.operands())
    pairs = zip(r.maps, r.in_cells, strict=True)
    maxima = [roi_pooling(features, roi, r.out) for features, roi in pairs]
    expected = r.arranged(np.reshape(maxima, (-1, *r.out, r.maps.shape[-1])))
    actual = Tensor(result, r.features.code, r.features.quant).real
    np.testing.assert_allclose(actual, expected, 1e-6, 1e-6)


BAD_REGIONS = [
    [-1, 0, 2, 2],
    [0, -0.25, 2, 2],
    [2, 0, 1, 2],
    [0, 2, 2, 1],
    [0, 0, 4.5, 2],
    [0, 0, 2, 5.5],
    [np.nan, 0, 2, 2],
    [0, 0, np.inf, 2],
    [-np.inf, 0, 2, 2],
]


def run_small(spec: OperationSpec, roi: list[float], batch: int = 0, **changes: Any) -> None:
    """One region of a map of 5 by 4 cells."""
    operands: dict[str, Any] = {
        "input": tensor(np.zeros((1, 5, 4, 2), np.float32)),
        "rois": tensor(np.array([roi], np.float32)),
        "batch_index": tensor(np.array([batch], np.int32)),
        "height": 2,
        "width": 2,
        "ratio_h": 1.0,
        "ratio_w": 1.0,
        "nchw": False,
    }
    if spec is ops.ROI_ALIGN:
        operands |= {"samples_h": 0, "samples_w": 0}
    operands |= changes
    size = operands["height"], operands["width"]
    known = all(0 < n < 100 for n in size)
    dims = (1, *size, 2) if known else (1, 0, 0, 2)
    run_operation(spec, [OperandType(OperandCode.TENSOR_FLOAT32, dims)], **operands)


@pytest.mark.parametrize("spec", [ops.ROI_ALIGN, ops.ROI_POOLING], ids=str)
@pytest.mark.parametrize("roi", BAD_REGIONS)
def test_regions_outside_are_refused(spec: OperationSpec, roi: list[float]) -> None:
    run_small(spec, [0, 0, 4, 5])
    with pytest.raises(NnapiError):
        run_small(spec, roi)


@pytest.mark.parametrize("spec", [ops.ROI_ALIGN, ops.ROI_POOLING], ids=str)
@pytest.mark.parametrize("batch", [-1, 1, 2**31 - 1, -(2**31)])
def test_feature_maps_that_do_not_exist_are_refused(spec: OperationSpec, batch: int) -> None:
    with pytest.raises(NnapiError, match="feature map"):
        run_small(spec, [0, 0, 2, 2], batch)


@pytest.mark.parametrize("spec", [ops.ROI_ALIGN, ops.ROI_POOLING], ids=str)
@pytest.mark.parametrize(
    "changes",
    [
        {"height": 0},
        {"width": -1},
        {"height": 2**31 - 1, "width": 2**31 - 1},
        {"ratio_h": 0.0},
        {"ratio_w": -1.0},
        {"ratio_w": float("nan")},
    ],
    ids=str,
)
def test_hostile_scalars_are_refused(spec: OperationSpec, changes: dict[str, Any]) -> None:
    with pytest.raises(NnapiError):
        run_small(spec, [0, 0, 2, 2], **changes)


@pytest.mark.parametrize("samples", [-1, 2**31 - 1])
def test_hostile_numbers_of_samples_are_refused(samples: int) -> None:
    with pytest.raises(NnapiError, match="samples"):
        run_small(ops.ROI_ALIGN, [0, 0, 2, 2], samples_w=samples)
