"""Polynomials, and functions that need float32 to be computed piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from nnapi_core.plugin import Context, Value
from nnapi_ops.arithmetic.add_sub_mul import plus, times


def polynomial(nn: Context, x: Value, coefficients: Sequence[float]) -> Value:
    """``coefficients[0] + coefficients[1] * x + …``, by Horner's scheme."""
    result = nn.filled(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        result = plus(nn, times(nn, result, x), nn.filled(x, coefficient))
    return result


def in_float32(nn: Context, value: Value, function: Callable[[Value], Value]) -> Value:
    """``function`` of a tensor of any dtype, computed in float32, in the dtype of the node's result."""
    return nn.cast(function(nn.cast(value, torch.float32)), nn.out.dtype)
