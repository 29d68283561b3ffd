"""CONV_2D, GROUPED_CONV_2D and DEPTHWISE_CONV_2D against torch in float64."""

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
from tests.runtime.ops.single_op import Tensor, ones, run_operation
from tests.runtime.ops.sliding_window import EVERY_POSITION, SlidingWindow, draw_window
from tests.runtime.ops.weighted_operands import WeightedOperands


def torch_conv(
    x: np.ndarray, w: np.ndarray, bias: np.ndarray, window: SlidingWindow, groups: int
) -> np.ndarray:
    """Of an image [N, C, H, W] and weights [out, in / groups, h, w]."""
    padded = torch.nn.functional.pad(torch.from_numpy(x.copy()), window.torch_pads)
    return torch.nn.functional.conv2d(
        padded,
        torch.from_numpy(w.copy()),
        torch.from_numpy(bias.copy()),
        window.stride,
        dilation=window.dilation,
        groups=groups,
    ).numpy()


@given(data=st.data())
@pytest.mark.parametrize("kind", ["conv", "grouped", "depthwise"])
def test_convolutions_are_torchs(kind: str, data: st.DataObject) -> None:
    spec = {
        "conv": ops.CONV_2D,
        "grouped": ops.GROUPED_CONV_2D,
        "depthwise": ops.DEPTHWISE_CONV_2D,
    }[kind]
    new = WeightedOperands(data, spec)
    batch, height, width = (data.draw(st.integers(low, 9)) for low in (0, 1, 1))
    channels = st.one_of(st.integers(1, 5), st.sampled_from([16, 50, 67]))
    names_layout = kind == "grouped" or new.nchw or data.draw(st.booleans())
    window = draw_window(
        data,
        height,
        width,
        dilated=kind != "grouped" and names_layout,
        nchw=new.nchw if names_layout else None,
    )
    extra: dict[str, Any] = {}
    if kind == "depthwise":
        groups = data.draw(channels, label="channels")
        in_channels, out_channels = 1, groups * data.draw(st.integers(1, 3), label="multiplier")
        extra["depth_multiplier"] = out_channels // groups
    else:
        groups = data.draw(st.integers(1, 3), label="groups") if kind == "grouped" else 1
        in_channels = data.draw(channels, label="input channels")
        out_channels = data.draw(channels, label="output channels") * groups
        if kind == "grouped":
            extra["groups"] = groups
    image = new.image(batch, in_channels * groups, height, width)
    if kind == "depthwise":
        weights = new.weights(1, *window.filter, out_channels, out_dim=3)
        torch_weights = weights.real.transpose(3, 0, 1, 2)
    else:
        weights = new.weights(out_channels, *window.filter, in_channels, out_dim=0)
        torch_weights = weights.real.transpose(0, 3, 1, 2)
    bias = new.bias(out_channels, weights)

    x, b = new.torch_order(image.real), new.real_bias(bias, weights)
    expected = torch_conv(x, torch_weights, b, window, groups)
    magnitude = torch_conv(np.abs(x), np.abs(torch_weights), np.abs(b), window, groups)
    type_ = new.output(new.arranged(expected).shape, expected)
    (actual,) = run_operation(
        spec,
        [type_],
        input=image,
        weights=weights,
        bias=bias,
        activation=new.activation,
        **window.operands,
        **extra,
    )
    new.assert_close(new.torch_order(actual), type_, expected, magnitude)


def conv_2d(**changes: Any) -> list[np.ndarray]:
    operands = {
        "input": ones(1, 4, 4, 2),
        "weights": ones(3, 2, 2, 2),
        "bias": ones(3),
        **EVERY_POSITION,
        "activation": 0,
        "nchw": False,
        "dilation_width": 1,
        "dilation_height": 1,
    }
    type_ = OperandType(OperandCode.TENSOR_FLOAT32, (0, 0, 0, 0))
    return run_operation(ops.CONV_2D, [type_], **(operands | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stride_width": 0}, "stride 0"),
        ({"stride_height": -1}, "stride -1"),
        ({"dilation_width": 0}, "dilation 0"),
        ({"dilation_height": -(2**31)}, "dilation -2147483648"),
        ({"padding_left": -1}, "paddings -1"),
        ({"padding_bottom": 2}, "paddings 0 and 2"),
        ({"padding_right": 2**31 - 1}, "paddings 0 and 2147483647"),
        ({"activation": 4}, "activation 4"),
        ({"activation": -1}, "activation -1"),
        ({"bias": ones(2)}, "one value for each of 3"),
        ({"weights": ones(3, 2, 2, 1)}, "input channels"),
        ({"weights": ones(3, 6, 2, 2)}, "spans 6 x 2"),
        ({"dilation_width": 2**31 - 1}, "spans 2 x 2147483648"),
        ({"nchw": True}, "input channels"),
    ],
    ids=str,
)
def test_what_is_wrong_is_refused(changes: dict[str, Any], message: str) -> None:
    assert conv_2d()[0].shape == (1, 3, 3, 3)
    with pytest.raises(NnapiError, match=message) as refusal:
        conv_2d(**changes)
    assert refusal.value.code == "BAD_DATA"


def test_a_large_stride_leaves_one_pixel() -> None:
    (actual,) = conv_2d(stride_width=2**31 - 1, stride_height=2**31 - 1)
    np.testing.assert_array_equal(actual, np.full((1, 1, 1, 3), 9, np.float32))


def test_a_padding_scheme_that_is_none_is_refused() -> None:
    operands: dict[str, Any] = {
        "input": ones(1, 4, 4, 2),
        "weights": ones(3, 2, 2, 2),
        "bias": ones(3),
        "stride_width": 1,
        "stride_height": 1,
        "activation": 0,
    }
    type_ = OperandType(OperandCode.TENSOR_FLOAT32, (1, 4, 4, 3))
    run_operation(ops.CONV_2D, [type_], padding_scheme=1, **operands)
    with pytest.raises(NnapiError, match="padding scheme 3"):
        run_operation(ops.CONV_2D, [type_], padding_scheme=3, **operands)


@pytest.mark.parametrize("groups", [0, -1, 4, 2**31 - 1])
def test_groups_that_do_not_divide_the_channels_are_refused(groups: int) -> None:
    type_ = OperandType(OperandCode.TENSOR_FLOAT32, (0, 0, 0, 0))
    with pytest.raises(NnapiError, match=f"{groups} groups"):
        run_operation(
            ops.GROUPED_CONV_2D,
            [type_],
            input=ones(1, 4, 4, 6),
            weights=ones(6, 2, 2, 2),
            bias=ones(6),
            padding_scheme=2,
            stride_width=1,
            stride_height=1,
            groups=groups,
            activation=0,
            nchw=False,
        )


def quantised_conv(bias: int, bias_scale: float | None, depth: int) -> int:
    """All inputs are 255 and all weights -255 steps, so that their sum is -depth in real numbers."""
    code = OperandCode.TENSOR_QUANT8_ASYMM
    scale = float(np.float32(1 / 255**2))
    bias_quant = Quant(scale if bias_scale is None else bias_scale)
    (actual,) = run_operation(
        ops.CONV_2D,
        [OperandType(code, (1, 1, 1, 1), Quant(float(depth), 255))],
        input=Tensor(np.full((1, 1, 1, depth), 255, np.uint8), code, Quant(1.0, 0)),
        weights=Tensor(np.zeros((1, 1, 1, depth), np.uint8), code, Quant(scale, 255)),
        bias=Tensor(np.array([bias], np.int32), OperandCode.TENSOR_INT32, bias_quant),
        padding_scheme=2,
        stride_width=1,
        stride_height=1,
        activation=0,
    )
    return int(actual.item())


def test_a_bias_of_another_scale_is_refused() -> None:
    assert quantised_conv(0, None, 10) == 254
    with pytest.raises(NnapiError, match=r"bias scale 0\.5"):
        quantised_conv(0, 0.5, 10)


def test_sums_beyond_32_bits_are_exact() -> None:
    depth = 100_000
    assert quantised_conv(0, None, depth) == 254
    assert quantised_conv(-(2**31), None, depth) == round(254 - 2**31 / 255**2 / depth)
    assert quantised_conv(2**31 - 1, None, 10) == 255
