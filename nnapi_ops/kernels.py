"""Convolution kernels as other kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import evolve

from nnapi_core.plugin import Constant, Quant, Unsupported, Value


def zero_stuffed(weight: Value, height: int, width: int) -> Value:
    """A constant kernel with zeros between its taps, which says dilation without having it."""
    if not isinstance(weight.source, Constant):
        raise Unsupported("dilation with weights that are not constant")
    outer, inner, rows, columns = weight.static_shape
    shape = (outer, inner, (rows - 1) * height + 1, (columns - 1) * width + 1)

    zero = weight.quant.zero_point if isinstance(weight.quant, Quant) else 0

    def stuffed(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        spread = np.full(shape, zero, array.dtype)
        spread[:, :, ::height, ::width] = array
        return spread

    source = weight.source.map(stuffed, key=("stuffed", height, width), shape=shape)
    return Value(evolve(weight.spec, shape=shape), source)
