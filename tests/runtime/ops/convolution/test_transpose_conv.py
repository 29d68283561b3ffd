"""TRANSPOSE_CONV_2D against torch in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType
from nnapi_runtime.errors import NnapiError
from tests.runtime.ops.single_op import ones, run_operation, tensor
from tests.runtime.ops.sliding_window import EVERY_POSITION
from tests.runtime.ops.weighted_operands import WeightedOperands


def torch_transpose(
    x: np.ndarray, w: np.ndarray, b: np.ndarray, stride: tuple[int, int], pads: list[int]
) -> np.ndarray:
    """`w` is [out, in, h, w]; `pads` crop the full result, and a negative one extends it."""
    full = torch.nn.functional.conv_transpose2d(
        torch.from_numpy(x.copy()),
        torch.from_numpy(w.transpose(1, 0, 2, 3).copy()),
        None,
        stride,
    )
    top, bottom, left, right = pads
    cropped = torch.nn.functional.pad(full, (-left, -right, -top, -bottom)).numpy()
    return cropped + b[:, None, None]


@given(data=st.data())
def test_is_torchs(data: st.DataObject) -> None:
    new = WeightedOperands(data, ops.TRANSPOSE_CONV_2D)
    batch, height, width = (data.draw(st.integers(low, 6)) for low in (0, 1, 1))
    channels = st.one_of(st.integers(1, 4), st.sampled_from([17, 50]))
    in_channels, out_channels = data.draw(channels), data.draw(channels)
    kernel = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)), label="filter")
    strides = st.one_of(st.integers(1, 3), st.just(10))
    stride = data.draw(st.tuples(strides, strides), label="stride")
    full = [(n - 1) * s + k for n, s, k in zip((height, width), stride, kernel, strict=True)]
    operands: dict[str, Any] = {"stride_height": stride[0], "stride_width": stride[1]}

    form = data.draw(st.sampled_from(["explicit", "same", "valid"]), label="padding")
    pads = [0, 0, 0, 0]
    if form == "explicit":
        for axis in range(2):
            before = data.draw(st.integers(0, full[axis] - 1))
            # The high end may reach beyond what inputs reach.
            pads[2 * axis : 2 * axis + 2] = [
                before,
                data.draw(st.integers(-3, full[axis] - 1 - before)),
            ]
        names = ("padding_top", "padding_bottom", "padding_left", "padding_right")
        operands |= dict(zip(names, pads, strict=True))
    else:
        wanted = full
        if form == "same":  # every size that as many windows of this stride make
            wanted = [
                data.draw(st.integers((n - 1) * s + 1, n * s))
                for n, s in zip((height, width), stride, strict=True)
            ]
            for axis in range(2):
                excess = full[axis] - wanted[axis]
                pads[2 * axis] = max(excess, 0) // 2
                pads[2 * axis + 1] = excess - pads[2 * axis]
        sizes = [batch, out_channels, *wanted] if new.nchw else [batch, *wanted, out_channels]
        operands["output_shape"] = tensor(
            np.array(sizes, np.int32), constant=data.draw(st.booleans())
        )
        operands["padding_scheme"] = 1 if form == "same" else 2

    image = new.image(batch, in_channels, height, width)
    weights = new.weights(out_channels, *kernel, in_channels, out_dim=0)
    bias = new.bias(out_channels, weights)
    x, b = new.torch_order(image.real), new.real_bias(bias, weights)
    w = weights.real.transpose(0, 3, 1, 2)
    expected = torch_transpose(x, w, b, stride, pads)
    magnitude = torch_transpose(np.abs(x), np.abs(w), np.abs(b), stride, pads)
    type_ = new.output(new.arranged(expected).shape, expected)
    (actual,) = run_operation(
        ops.TRANSPOSE_CONV_2D,
        [type_],
        input=image,
        weights=weights,
        bias=bias,
        activation=new.activation,
        nchw=new.nchw,
        **operands,
    )
    new.assert_close(new.torch_order(actual), type_, expected, magnitude)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stride_width": 0}, "stride 0"),
        ({"padding_left": -1}, "padding -1"),
        ({"padding_left": 5}, "leave an output of"),
        ({"padding_right": 2**31 - 1}, "leave an output of"),
        ({"padding_right": -(2**31), "padding_bottom": -(2**31)}, "too large"),
        ({"stride_width": 2**31 - 1, "stride_height": 2**31 - 1}, "too large"),
        ({"activation": 9}, "activation 9"),
        ({"weights": ones(3, 2, 2, 1)}, "input channels"),
        ({"bias": ones(1)}, "one value for each of 3"),
    ],
    ids=str,
)
def test_what_is_wrong_is_refused(changes: dict[str, Any], message: str) -> None:
    operands: dict[str, Any] = {
        "input": ones(1, 4, 4, 2),
        "weights": ones(3, 2, 2, 2),
        "bias": ones(3),
        **EVERY_POSITION,
        "activation": 0,
        "nchw": False,
    }
    type_ = OperandType(OperandCode.TENSOR_FLOAT32, (0, 0, 0, 0))
    (actual,) = run_operation(ops.TRANSPOSE_CONV_2D, [type_], **operands)
    assert actual.shape == (1, 5, 5, 3)
    with pytest.raises(NnapiError, match=message):
        run_operation(ops.TRANSPOSE_CONV_2D, [type_], **(operands | changes))
