"""Torch's type promotion: numbers become constants, tensors are cast to the type of the result."""

from __future__ import annotations

import math

import numpy as np
import torch
from attrs import evolve

from nnapi_core.plugin import Constant, Context, TensorSpec, Unsupported, Value, ops

Number = bool | int | float
_INTEGERS = (torch.int32, torch.int64)


def operand(nn: Context, value: Value | Number, dtype: torch.dtype) -> Value:
    """A tensor cast to ``dtype``, or a number as a constant of one element that broadcasts."""
    if isinstance(value, Value):
        return cast(nn, value, dtype)
    return nn.constant([value], dtype)


def cast(nn: Context, value: Value, dtype: torch.dtype) -> Value:
    """``value.to(dtype)``."""
    source = value.dtype
    if source is dtype:
        return value
    if value.quant is not None:
        raise Unsupported("a quantised tensor is dequantised, not cast", dtype=dtype)
    result = evolve(value.spec, dtype=dtype)
    if isinstance(value.source, Constant):
        return Value(result, _cast_constant(value.source, dtype))
    if source is torch.bool:
        ones, zeros = (full(nn, value.spec, number, dtype) for number in (1, 0))
        return nn.emit(ops.SELECT, mask=value, a=ones, b=zeros, out=result).bounded(value.bounds)
    if dtype is torch.bool:
        return nn.emit(ops.NOT_EQUAL, a=value, b=nn.constant([0], source), out=result)
    if source in _INTEGERS and dtype in _INTEGERS:
        # Both are stored as int32.
        return evolve(value, spec=result)
    if dtype is torch.int64 and not value.bounds.fits_int32 and source is not torch.float16:
        raise Unsupported(
            "a float tensor may hold numbers beyond int32, which is all that NNAPI has for int64; "
            "cast to torch.int32, or clamp before"
        )
    moved = nn.emit(ops.CAST, input=value, out=result)
    if dtype in _INTEGERS:
        bounds = value.bounds
        return moved.bounded(bounds) if math.isfinite(bounds.greatest - bounds.least) else moved
    return moved.bounded(value.bounds) if source in _INTEGERS else moved


def full(nn: Context, like: TensorSpec, number: Number, dtype: torch.dtype) -> Value:
    """A constant of the shape and order of ``like``, for operations that do not broadcast."""
    shape = like.static_shape
    element = torch.empty(0, dtype=dtype).numpy().dtype
    one = Constant.of([number], element)
    filled = one.map(
        lambda array: np.broadcast_to(array.reshape(()), shape), key=("full", shape), shape=shape
    )
    return Value(TensorSpec(shape, dtype, like.order), filled)


def _cast_constant(constant: Constant, dtype: torch.dtype) -> Constant:
    element = torch.empty(0, dtype=dtype).numpy().dtype
    return constant.map(
        lambda array: torch.from_numpy(np.array(array)).to(dtype).numpy(),
        key=("cast", str(dtype)),
        dtype=element,
    )
