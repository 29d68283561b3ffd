"""Changing the dtype of a tensor, and moving elements by operations that do not take their dtype."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from operator import or_

import numpy as np
import torch
from attrs import evolve

from nnapi_core.errors import Unsupported
from nnapi_core.graph.program import numpy_dtype
from nnapi_core.lowering.emitter import Emitter
from nnapi_core.lowering.integer_bounds import Bounds
from nnapi_core.lowering.value import BYTES, TensorSpec, Value
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.opset import ops
from nnapi_core.reasons import Reason

Move = Callable[[list[Value]], Value]
_INTEGERS = (torch.int32, torch.int64)


def cast(nn: Emitter, value: Value, dtype: torch.dtype) -> Value:
    """``value.to(dtype)``. Raises `Unsupported` where int64 results may not fit NNAPI's int32."""
    source = value.dtype
    if source is dtype:
        return value
    if value.quant is not None:
        raise Unsupported("a quantised tensor is dequantised, not cast", Reason.TYPES, dtype=dtype)
    result = evolve(value.spec, dtype=dtype)
    _ = result.code  # refuses what NNAPI has no tensors of
    if isinstance(value.source, Constant):
        return Value(result, _cast_constant(value.source, dtype))
    if value.spec.is_byte and dtype is not torch.bool:
        return _from_bytes(nn, value, result)
    if result.is_byte and source is not torch.bool:
        return _to_bytes(nn, value, result)
    if source is torch.bool:
        one, zero = full(value.spec, 1, dtype), full(value.spec, 0, dtype)
        return nn.emit(ops.SELECT, mask=value, a=one, b=zero, out=result).bounded(value.bounds)
    if dtype is torch.bool:
        return nn.emit(ops.NOT_EQUAL, a=value, b=nn.constant(0, source), out=result)
    if source in _INTEGERS and dtype in _INTEGERS:
        # Both are stored as int32.
        return evolve(value, spec=result)
    if dtype is torch.int64 and not value.bounds.fits_int32 and source is not torch.float16:
        raise Unsupported(
            "a float tensor may hold numbers beyond int32, which is all that NNAPI has for int64; "
            "cast to torch.int32, or clamp before"
        )
    moved = nn.emit(ops.CAST, input=value, out=result)
    if source in _INTEGERS:
        return moved.bounded(value.bounds)
    known = dtype in _INTEGERS and math.isfinite(value.bounds.greatest - value.bounds.least)
    return moved.bounded(value.bounds) if known else moved


def _from_bytes(nn: Emitter, value: Value, result: TensorSpec) -> Value:
    if result.dtype.is_floating_point:
        return nn.emit(ops.DEQUANTIZE, input=value, out=result).bounded(value.bounds)
    if result.dtype in _INTEGERS and value.dtype is torch.uint8:
        return nn.emit(ops.CAST, input=value, out=result).bounded(value.bounds)
    return cast(nn, cast(nn, value, torch.float32), result.dtype)


def _to_bytes(nn: Emitter, value: Value, result: TensorSpec) -> Value:
    """Raises `Unsupported` for numbers that may be out of range, which torch wraps around (or leaves undefined)."""
    bounds, least, greatest = value.bounds, BYTES[result.dtype].least, BYTES[result.dtype].greatest
    # Floats are cut to integers.
    inside = (
        least - 1 < bounds.least and bounds.greatest < greatest + 1
        if value.dtype.is_floating_point
        else bounds.within(least, greatest)
    )
    if not inside:
        raise Unsupported(
            f"numbers that are not known to lie from {least} to {greatest}, as {result.dtype} has to; "
            f"clamp({least}, {greatest}) before",
            least=bounds.least,
            greatest=bounds.greatest,
        )
    known = bounds.clamped(least, greatest)
    if result.dtype is torch.uint8:
        return nn.emit(ops.CAST, input=value, out=result).bounded(known)
    # CAST gives no int8. What is whole already is not rounded by QUANTIZE.
    whole = cast(nn, value, torch.int32) if value.dtype.is_floating_point else value
    floats = cast(nn, whole, torch.float32)
    return nn.emit(ops.QUANTIZE, input=floats, out=result).bounded(known)


def full(like: TensorSpec, number: float, dtype: torch.dtype) -> Value:
    """A constant of the shape and order of ``like``, for operations that do not broadcast."""
    shape = like.static_shape
    filled = Constant.of([number], numpy_dtype(dtype)).map(
        lambda array: np.broadcast_to(array.reshape(()), shape), key=("full", shape), shape=shape
    )
    return Value(TensorSpec(shape, dtype, like.order), filled)


def carried(nn: Emitter, values: Sequence[Value], move: Move) -> Value:
    """``move(values)`` for integers and booleans, carried by floats: the same elements, exactly.

    ``values`` are of one dtype; ``move`` may place, repeat or drop elements, but not change them. Raises
    `Unsupported` for integers that float32 may not hold where NNAPI has no arithmetic to split them.
    """
    dtype = values[0].dtype
    if dtype.is_floating_point or dtype in BYTES or values[0].quant is not None:
        return move(list(values))
    bounds = reduce(or_, (value.bounds for value in values))
    if dtype is torch.bool or bounds.exact_in_float32:
        moved = move([cast(nn, value, torch.float32) for value in values])
        back = cast(nn, moved, torch.bool if dtype is torch.bool else torch.int32)
    elif nn.level < 30:
        raise Unsupported(
            "moving integers that float32 may not hold needs integer arithmetic, of feature level 30"
        )
    else:
        halves = [_halves(nn, value) for value in values]
        high = move([cast(nn, half, torch.float32) for half, _ in halves])
        low = move([cast(nn, half, torch.float32) for _, half in halves])
        shift = nn.constant(1 << 16, torch.int32)
        upper = nn.emit(ops.MUL, a=cast(nn, high, torch.int32), b=shift)
        back = nn.emit(ops.ADD, a=upper, b=cast(nn, low, torch.int32))
    return evolve(back, spec=evolve(back.spec, dtype=dtype), known=bounds)


def _halves(nn: Emitter, value: Value) -> tuple[Value, Value]:
    """The upper and the lower 16 bits; both are small enough for floats."""
    value = evolve(value, spec=evolve(value.spec, dtype=torch.int32))
    shift = nn.constant(1 << 16, torch.int32)
    upper = nn.emit(ops.DIV, a=value, b=shift)
    lower = nn.emit(ops.SUB, a=value, b=nn.emit(ops.MUL, a=upper, b=shift))
    return upper.bounded(Bounds(-(1 << 15), 1 << 15)), lower.bounded(Bounds(0, 1 << 16))


def _cast_constant(constant: Constant, dtype: torch.dtype) -> Constant:
    return constant.map(
        lambda array: torch.from_numpy(np.array(array)).to(dtype).numpy(),
        key=("cast", str(dtype)),
        dtype=numpy_dtype(dtype),
    )
