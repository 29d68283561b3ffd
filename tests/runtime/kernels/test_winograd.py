"""3x3 convolutions of constant float weights, most of which are computed by Winograd's method.

Weights that are inputs of the model are not: that is the direct kernel to compare with.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType
from tests.runtime.ops.operand_strategies import SEEDS
from tests.runtime.ops.single_op import Tensor, run_operation

Padding = tuple[int, int, int, int]  # left, right, top, bottom
HARD = np.array([np.inf, -np.inf, np.nan, 1e38, -1e38, 3.4e38, -3.4e38])


def convolution(
    x: np.ndarray,
    weights: np.ndarray,
    bias: np.ndarray,
    padding: Padding,
    *,
    activation: int = 0,
    nchw: bool = False,
    constant: bool = True,
) -> np.ndarray:
    """Of an image [N, H, W, C], whatever the layout that is asked for."""
    code = {2: OperandCode.TENSOR_FLOAT16, 4: OperandCode.TENSOR_FLOAT32}[x.itemsize]
    order = (0, 3, 1, 2) if nchw else (0, 1, 2, 3)
    (result,) = run_operation(
        ops.CONV_2D,
        [OperandType(code, (0, 0, 0, 0))],
        input=Tensor(np.ascontiguousarray(x.transpose(order)), code),
        weights=Tensor(weights, code, constant=constant),
        bias=Tensor(bias, code, constant=constant),
        padding_left=padding[0],
        padding_right=padding[1],
        padding_top=padding[2],
        padding_bottom=padding[3],
        stride_width=1,
        stride_height=1,
        activation=activation,
        nchw=nchw,
        dilation_width=1,
        dilation_height=1,
    )
    return result.transpose(0, 2, 3, 1) if nchw else result


def in_float64(
    x: np.ndarray, weights: np.ndarray, bias: np.ndarray, padding: Padding
) -> np.ndarray:
    """The same, tap by tap; padding is left out, since zero times infinity is not nothing."""
    left, right, top, bottom = padding
    batch, height, width, _ = x.shape
    out = np.zeros((batch, height + top + bottom - 2, width + left + right - 2, len(bias)))
    out += bias
    for ky in range(3):
        for kx in range(3):
            oy = slice(max(0, top - ky), min(out.shape[1], height + top - ky))
            ox = slice(max(0, left - kx), min(out.shape[2], width + left - kx))
            seen = x[
                :,
                oy.start + ky - top : oy.stop + ky - top,
                ox.start + kx - left : ox.stop + kx - left,
            ]
            out[:, oy, ox] += seen.astype(np.float64) @ weights[:, ky, kx].T.astype(np.float64)
    return out


@given(data=st.data())
@pytest.mark.parametrize("hard", [False, True], ids=["ordinary", "hard"])
def test_results_are_the_convolutions(hard: bool, data: st.DataObject) -> None:
    """Infinities, NaN and overflowing sums come out where they do without Winograd's method, and nowhere else."""
    random = np.random.default_rng(data.draw(SEEDS))
    # The direct kernel, which has the small ones, adds up in float32, and may overflow on its way.
    sizes = st.integers(8 if hard else 3, 19)
    channels = st.sampled_from([16, 17, 30, 48, 66, 100] + [5, 8] * (not hard))
    shape = (data.draw(st.integers(1, 3)), data.draw(sizes), data.draw(sizes), data.draw(channels))
    padding = data.draw(st.tuples(*[st.integers(0, 2)] * 4))
    element = np.float32 if hard else data.draw(st.sampled_from([np.float32, np.float16]))
    x = random.standard_normal(shape).astype(element)
    weights = random.standard_normal((data.draw(channels), 3, 3, shape[3])).astype(element)
    bias = random.standard_normal(len(weights)).astype(element)
    if hard:
        count = data.draw(st.integers(1, 12))
        x.reshape(-1)[random.integers(0, x.size, count)] = random.choice(HARD, count)
    activation = data.draw(st.sampled_from([0, 1]))

    actual = convolution(
        x, weights, bias, padding, activation=activation, nchw=data.draw(st.booleans())
    )
    with np.errstate(invalid="ignore", over="ignore"):
        expected = in_float64(x, weights, bias, padding).astype(np.float32)
        # Products with the window's other pixels come and go on the way.
        largest = np.broadcast_to(np.abs(weights).max((1, 2), keepdims=True), weights.shape)
        magnitude = in_float64(np.abs(x), largest, np.abs(bias), padding)
        if activation == 1:
            expected = np.where(expected < 0, np.float32(0), expected)
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(actual[~finite], expected[~finite])
    error = np.abs(actual[finite].astype(np.float64) - expected[finite])
    epsilon = 1e-3 if element == np.float16 else 1e-6
    assert np.all(error <= epsilon * (1 + magnitude[finite]))


@pytest.mark.parametrize(("size", "channels"), [(28, 64), (14, 128), (7, 256), (7, 512)])
def test_results_are_as_accurate_as_direct_ones(size: int, channels: int) -> None:
    random = np.random.default_rng(channels)
    x = random.standard_normal((1, size, size, channels), np.float32)
    weights = random.standard_normal((64, 3, 3, channels), np.float32)
    bias = random.standard_normal(64, np.float32)
    expected = in_float64(x, weights, bias, (1, 1, 1, 1))
    results = [
        convolution(x, weights, bias, (1, 1, 1, 1), constant=constant) for constant in (True, False)
    ]
    assert not np.array_equal(*results), "both are computed by the same method"
    error, direct = (np.sqrt(np.mean((result - expected) ** 2)) for result in results)
    assert error < 1.5 * direct
