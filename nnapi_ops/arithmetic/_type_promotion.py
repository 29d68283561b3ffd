"""Torch's type promotion: numbers become constants, tensors are cast to the type of the result."""

from __future__ import annotations

import torch

from nnapi_core.plugin import Context, Value

Number = bool | int | float


def operand(nn: Context, value: Value | Number, dtype: torch.dtype) -> Value:
    """A tensor cast to ``dtype``, or a number as a constant of one element that broadcasts."""
    if isinstance(value, Value):
        return nn.cast(value, dtype)
    return nn.constant(value, dtype)


def common_dtype(*values: Value | Number) -> torch.dtype:
    """The dtype that torch computes in: tensors weigh more than 0-d tensors, and those more than numbers."""
    first, *rest = (_stand_in(value) for value in values)
    result = first
    for one in rest:
        result = torch.empty((1,), dtype=torch.result_type(result, one), device="meta")
    return result.dtype if isinstance(result, torch.Tensor) else torch.get_default_dtype()


def _stand_in(value: Value | Number) -> torch.Tensor | Number:
    if not isinstance(value, Value):
        return value
    return torch.empty((1,) * value.rank, dtype=value.dtype, device="meta")
