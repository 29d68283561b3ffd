"""AVERAGE_POOL_2D, MAX_POOL_2D and L2_POOL_2D against numpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import OperationSpec, ops
from nnapi_core.nnapi.types import OperandCode, OperandType, Quant
from nnapi_runtime.errors import NnapiError
from tests.runtime.ops.closeness import assert_within_a_step, assert_within_ulps
from tests.runtime.ops.operand_strategies import SEEDS, array, codes, outputs, quants
from tests.runtime.ops.single_op import Tensor, ones, run_operation, tensor
from tests.runtime.ops.sliding_window import EVERY_POSITION, SlidingWindow, draw_window
from tests.runtime.ops.weighted_operands import ACTIVATIONS

KINDS: dict[str, tuple[OperationSpec, Callable[[np.ndarray], np.ndarray]]] = {
    "average": (ops.AVERAGE_POOL_2D, lambda part: part.mean((2, 3))),
    "max": (ops.MAX_POOL_2D, lambda part: part.max((2, 3))),
    "l2": (ops.L2_POOL_2D, lambda part: np.sqrt((part**2).mean((2, 3)))),
}


def pooled(
    x: np.ndarray, window: SlidingWindow, reduce: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Of [N, C, H, W]; what is beyond the image takes no part."""
    height, width = window.outputs(*x.shape[2:])
    result = np.zeros((*x.shape[:2], height, width))
    for i, j in np.ndindex(height, width):
        top = i * window.stride[0] - window.pads[0]
        left = j * window.stride[1] - window.pads[2]
        rows = slice(max(top, 0), top + window.filter[0])
        columns = slice(max(left, 0), left + window.filter[1])
        result[:, :, i, j] = reduce(x[:, :, rows, columns])
    return result


@given(data=st.data())
@pytest.mark.parametrize("kind", KINDS)
def test_poolings_are_numpys(kind: str, data: st.DataObject) -> None:
    spec, reduce = KINDS[kind]
    code = data.draw(st.sampled_from(codes(spec)), label="type")
    batch, height, width = (data.draw(st.integers(low, 9)) for low in (0, 1, 1))
    channels = data.draw(st.sampled_from([1, 2, 3, 64, 70]), label="channels")
    nchw = data.draw(st.booleans(), label="nchw")
    names_layout = nchw or data.draw(st.booleans())
    window = draw_window(data, height, width, nchw=nchw if names_layout else None)
    activation = data.draw(st.sampled_from(list(ACTIVATIONS)), label="activation")
    shape = (batch, channels, height, width) if nchw else (batch, height, width, channels)
    image = Tensor(array(code, shape, data.draw(SEEDS)), code, data.draw(quants(code)))

    x = image.real if nchw else image.real.transpose(0, 3, 1, 2)
    expected = np.clip(pooled(x, window, reduce), *ACTIVATIONS[activation])
    dims = expected.shape if nchw else expected.transpose(0, 2, 3, 1).shape
    (actual,) = run_operation(
        spec,
        [data.draw(outputs(image, dims))],
        input=image,
        filter_width=window.filter[1],
        filter_height=window.filter[0],
        activation=activation,
        **window.operands,
    )
    actual = actual if nchw else actual.transpose(0, 3, 1, 2)
    assert actual.shape == expected.shape
    if isinstance(image.quant, Quant):
        assert_within_a_step(actual, expected, image.quant)
    elif kind == "max":
        np.testing.assert_array_equal(actual, expected)
    elif kind == "l2":
        assert_within_ulps(actual, expected, 16)
    else:  # a mean may cancel, what it is a mean of does not
        magnitude = pooled(np.abs(x), window, lambda part: part.mean((2, 3)))
        error = magnitude * (2.0**-9 if code is OperandCode.TENSOR_FLOAT16 else 2.0**-20)
        assert (np.abs(actual - expected) <= error + 1e-7).all()


def test_the_mean_of_a_large_image_is_precise() -> None:
    x = np.random.default_rng(0).uniform(100, 101, (1, 300, 300, 2)).astype(np.float32)
    (actual,) = run_operation(
        ops.AVERAGE_POOL_2D,
        [OperandType(OperandCode.TENSOR_FLOAT32, (1, 1, 1, 2))],
        input=tensor(x),
        padding_scheme=2,
        stride_width=1,
        stride_height=1,
        filter_width=300,
        filter_height=300,
        activation=0,
    )
    np.testing.assert_allclose(actual, x.astype(np.float64).mean((1, 2), keepdims=True), 3e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"filter_width": 0}, "filter size 0"),
        ({"filter_height": -3}, "filter size -3"),
        ({"filter_height": 5}, "spans 5 x 2"),
        ({"filter_height": 2**31 - 1}, "spans 2147483647 x 2"),
        ({"stride_width": 0}, "stride 0"),
        ({"padding_left": 2}, "paddings 2 and 0"),
        ({"padding_top": -1}, "paddings -1 and 0"),
        ({"activation": 4}, "activation 4"),
    ],
    ids=str,
)
def test_what_is_wrong_is_refused(changes: dict[str, Any], message: str) -> None:
    operands: dict[str, Any] = {
        "input": ones(1, 3, 3, 2),
        **EVERY_POSITION,
        "filter_width": 2,
        "filter_height": 2,
        "activation": 0,
    }
    type_ = OperandType(OperandCode.TENSOR_FLOAT32, (0, 0, 0, 0))
    run_operation(ops.MAX_POOL_2D, [type_], **operands)
    with pytest.raises(NnapiError, match=message):
        run_operation(ops.MAX_POOL_2D, [type_], **(operands | changes))


def test_another_output_scale_is_refused() -> None:
    code = OperandCode.TENSOR_QUANT8_ASYMM
    with pytest.raises(NnapiError, match="scale"):
        run_operation(
            ops.MAX_POOL_2D,
            [OperandType(code, (1, 1, 1, 1), Quant(0.5, 0))],
            input=Tensor(np.ones((1, 1, 1, 1), np.uint8), code, Quant(0.25, 0)),
            padding_scheme=2,
            stride_width=1,
            stride_height=1,
            filter_width=1,
            filter_height=1,
            activation=0,
        )
