"""Torch's type promotion: numbers become constants, tensors are cast to the type of the result."""

from __future__ import annotations

import torch

from nnapi_core.plugin import Context, Value

Number = bool | int | float


def operand(nn: Context, value: Value | Number, dtype: torch.dtype) -> Value:
    """A tensor cast to ``dtype``, or a number as a constant of one element that broadcasts."""
    if isinstance(value, Value):
        return nn.cast(value, dtype)
    return nn.constant([value], dtype)
