"""Weights of convolutions as NNAPI has them.

Torch's OIHW becomes OHWI by the order that a value lies in: `Context.arrange` to channels last, which a lowering of
images (``Layout.IMAGE``) has done to its operands. Here is what is more than that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import evolve

from nnapi_core.plugin import Constant, Context, Order, Quant, Unsupported, Value


def exchanged(nn: Context, weight: Value) -> Value:
    """OIHW as IHWO: what DEPTHWISE_CONV_2D takes, and of a transposed convolution, whose weights are IOHW, as OHWI."""
    return nn.arrange(nn.permute(weight, (1, 0, 2, 3)), Order.CHANNELS_LAST)


def stored_zero(weight: Value) -> int:
    """What a zero is among the numbers that a constant holds: of unsigned integers, their zero point."""
    return weight.quant.zero_point if isinstance(weight.quant, Quant) else 0


def zero_stuffed(weight: Value, height: int, width: int) -> Value:
    """A constant kernel with zeros between its taps, which says dilation without having it."""
    if not isinstance(weight.source, Constant):
        raise Unsupported("dilation with weights that are not constant")
    outer, inner, rows, columns = weight.static_shape
    shape = (outer, inner, (rows - 1) * height + 1, (columns - 1) * width + 1)
    zero = stored_zero(weight)

    def stuffed(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        spread = np.full(shape, zero, array.dtype)
        spread[:, :, ::height, ::width] = array
        return spread

    source = weight.source.map(stuffed, key=("stuffed", height, width), shape=shape)
    return Value(evolve(weight.spec, shape=shape), source)
