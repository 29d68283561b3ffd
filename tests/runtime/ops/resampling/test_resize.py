"""RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR against float64 arithmetic, and torch's interpolation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType, Quant
from nnapi_runtime.errors import NnapiError
from tests.runtime.ops.closeness import assert_within_a_step
from tests.runtime.ops.operand_strategies import SEEDS, array, codes, outputs, quants
from tests.runtime.ops.single_op import Tensor, run_operation, tensor

# How positions are counted: (align corners, half pixel centres).
CONVENTIONS = [(False, False), (True, False), (False, True)]


def positions(size: int, out: int, align: bool, half: bool) -> np.ndarray:
    """Where output positions are in the input, in exact quarters for the sizes below."""
    scale = (size - 1) / (out - 1) if align and out > 1 else size / out
    return (np.arange(out) + 0.5 * half) * scale


def bilinear_weights(size: int, out: int, align: bool, half: bool) -> np.ndarray:
    """[out, size]: every output position as a mixture of input positions."""
    at = np.clip(positions(size, out, align, half) - 0.5 * half, 0, size - 1)
    return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(size)))


def nearest_weights(size: int, out: int, align: bool, half: bool) -> np.ndarray:
    at = positions(size, out, align, half)
    chosen = np.floor(at + 0.5) if align else np.floor(at)
    return np.eye(size)[np.minimum(chosen, size - 1).astype(int)]


class Resizing:
    """Draws an image and how it is resized; powers of two apart, so that no position is a matter of rounding."""

    def __init__(self, data: st.DataObject, spec: Any) -> None:
        self.spec = spec
        code = data.draw(st.sampled_from(codes(spec)), label="type")
        self.batch = data.draw(st.integers(0, 2))
        channels = data.draw(st.sampled_from([1, 3, 17, 40]), label="channels")
        self.align, self.half = data.draw(st.sampled_from(CONVENTIONS), label="convention")
        sizes = st.sampled_from([2, 3, 5, 9] if self.align else [1, 2, 4, 8])
        self.height, self.width = data.draw(sizes), data.draw(sizes)
        self.out = data.draw(sizes, label="height"), data.draw(sizes, label="width")
        self.nchw = data.draw(st.booleans(), label="nchw")
        shape = (self.batch, channels, self.height, self.width)
        values = array(code, shape, data.draw(SEEDS))
        self.x = Tensor(self.arranged(values), code, data.draw(quants(code)))
        self.operands: dict[str, Any] = {"input": self.x, "nchw": self.nchw}
        if self.align or self.half or data.draw(st.booleans()):
            self.operands |= {"align_corners": self.align, "half_pixel_centers": self.half}
        elif spec is ops.RESIZE_BILINEAR and not self.nchw and data.draw(st.booleans()):
            del self.operands["nchw"]  # the form of level 27
        height, width = self.out
        if not self.align and data.draw(st.booleans(), label="scales"):
            scalar = (
                OperandCode.FLOAT16 if code is OperandCode.TENSOR_FLOAT16 else OperandCode.FLOAT32
            )
            for name, scale in (("height", height / self.height), ("width", width / self.width)):
                value = np.asarray(scale, scalar.element)
                self.operands[f"{name}_scale"] = Tensor(value, scalar, constant=True)
        else:
            self.operands |= {"height": height, "width": width}
        dims = self.arranged(np.zeros((self.batch, channels, *self.out))).shape
        self.type = data.draw(outputs(self.x, dims))

    def arranged(self, nchw: np.ndarray) -> np.ndarray:
        return nchw if self.nchw else np.ascontiguousarray(nchw.transpose(0, 2, 3, 1))

    def run(self) -> np.ndarray:
        (actual,) = run_operation(self.spec, [self.type], **self.operands)
        return actual if self.nchw else actual.transpose(0, 3, 1, 2)

    def mixed(self, weights: Any) -> np.ndarray:
        real = self.x.real if self.nchw else self.x.real.transpose(0, 3, 1, 2)
        rows = weights(self.height, self.out[0], self.align, self.half)
        columns = weights(self.width, self.out[1], self.align, self.half)
        return np.einsum("nchw,yh,xw->ncyx", real, rows, columns)


@given(data=st.data())
def test_bilinear(data: st.DataObject) -> None:
    case = Resizing(data, ops.RESIZE_BILINEAR)
    actual, expected = case.run(), case.mixed(bilinear_weights)
    assert actual.shape == expected.shape
    if isinstance(case.x.quant, Quant):
        assert_within_a_step(actual, expected, case.x.quant)
    else:
        limit = 2e-3 if case.x.code is OperandCode.TENSOR_FLOAT16 else 2e-6
        np.testing.assert_allclose(actual, expected, limit, limit)


@given(data=st.data())
def test_nearest(data: st.DataObject) -> None:
    case = Resizing(data, ops.RESIZE_NEAREST_NEIGHBOR)
    actual = Tensor(case.run(), case.x.code, case.x.quant)
    np.testing.assert_array_equal(actual.real, case.mixed(nearest_weights))


@given(
    sizes=st.tuples(*[st.integers(1, 20)] * 4), align=st.booleans(), seed=st.integers(0, 2**32 - 1)
)
def test_bilinear_is_torchs(sizes: tuple[int, int, int, int], align: bool, seed: int) -> None:
    height, width, out_height, out_width = sizes
    x = np.random.default_rng(seed).standard_normal((1, 2, height, width)).astype(np.float32)
    (actual,) = run_operation(
        ops.RESIZE_BILINEAR,
        [OperandType(OperandCode.TENSOR_FLOAT32, (1, 2, out_height, out_width))],
        input=tensor(x),
        width=out_width,
        height=out_height,
        nchw=True,
        align_corners=align,
        half_pixel_centers=not align,
    )
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(x), (out_height, out_width), mode="bilinear", align_corners=align
    )
    np.testing.assert_allclose(actual, expected.numpy(), 1e-4, 1e-5)


def scale(value: float) -> Tensor:
    return Tensor(np.asarray(value, np.float32), OperandCode.FLOAT32, constant=True)


@pytest.mark.parametrize(
    ("operands", "message"),
    [
        ({"width": 0, "height": 2}, "output size 0"),
        ({"width": 2, "height": -1}, "output size -1"),
        ({"width": 2**31 - 1, "height": 2**31 - 1}, "too large"),
        ({"width_scale": scale(0.1), "height_scale": scale(1)}, "scale 0.1"),
        ({"width_scale": scale(np.nan), "height_scale": scale(1)}, "scale nan"),
        ({"width_scale": scale(1), "height_scale": scale(np.inf)}, "scale inf"),
        ({"width_scale": scale(1), "height_scale": scale(-2)}, "scale -2"),
        (
            {"width": 2, "height": 2, "align_corners": True, "half_pixel_centers": True},
            "exclude each other",
        ),
    ],
    ids=str,
)
def test_what_is_wrong_is_refused(operands: dict[str, Any], message: str) -> None:
    x = tensor(np.ones((1, 3, 3, 2), np.float32))
    type_ = OperandType(OperandCode.TENSOR_FLOAT32, (0, 0, 0, 0))
    for spec in (ops.RESIZE_BILINEAR, ops.RESIZE_NEAREST_NEIGHBOR):
        with pytest.raises(NnapiError, match=message):
            run_operation(spec, [type_], input=x, nchw=False, **operands)
