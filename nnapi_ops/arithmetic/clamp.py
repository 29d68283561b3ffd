"""Elements held between limits."""

from __future__ import annotations

import math

import numpy as np
import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Lowering,
    OperationSpec,
    Unsupported,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.arithmetic._type_promotion import Number, operand
from nnapi_ops.arithmetic.maximum_minimum import larger, smaller

aten = torch.ops.aten

Limit = Value | Number | None


@lowering(
    aten.clamp.default,
    aten.clamp.Tensor,
    aten.clip.default,
    aten.clip.Tensor,
    aten.clamp_min.default,
    aten.clamp_min.Tensor,
    aten.clamp_max.default,
    aten.clamp_max.Tensor,
    layout=Layout.SAME,
)
def clamp(nn: Context, self: Value, min: Limit = None, max: Limit = None) -> Value:
    """
    clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor
    clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor
    clip(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor
    clip.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor
    clamp_min(Tensor self, Scalar min) -> Tensor
    clamp_min.Tensor(Tensor self, Tensor min) -> Tensor
    clamp_max(Tensor self, Scalar max) -> Tensor
    clamp_max.Tensor(Tensor self, Tensor max) -> Tensor
    """
    return clamped(nn, self, min, max)


def clamped(nn: Context, value: Value, least: Limit, greatest: Limit) -> Value:
    """``min(max(value, least), greatest)``, as a RELU where it is one."""
    dtype = nn.out.dtype
    value = nn.cast(value, dtype)
    numbers = [one for one in (least, greatest) if isinstance(one, (int, float))]
    if any(math.isnan(one) for one in numbers):
        raise Unsupported("a limit is NaN")
    if dtype.is_floating_point or value.quant is not None:
        spec = _relu(least, greatest)
        if spec is not None:
            return _bounded(nn.emit(spec, input=value), least, greatest)
    result = value
    if least is not None:
        result = larger(nn, result, operand(nn, least, dtype))
    if greatest is not None:
        result = smaller(nn, result, operand(nn, greatest, dtype))
    return _bounded(result, least, greatest)


def _relu(least: Limit, greatest: Limit) -> OperationSpec | None:
    """The operation that clamps to these limits and is older than MAXIMUM, if there is one."""
    if isinstance(least, Value) or isinstance(greatest, Value):
        return None
    table: dict[tuple[Limit, Limit], OperationSpec] = {
        (0, None): ops.RELU,
        (0, math.inf): ops.RELU,
        (0, 6): ops.RELU6,
        (-1, 1): ops.RELU1,
    }
    return table.get((least, greatest))


def _bounded(result: Value, least: Limit, greatest: Limit) -> Value:
    """The result, with what two numbers as limits say of it."""
    if isinstance(least, Value) or isinstance(greatest, Value) or result.quant is not None:
        return result
    exact = np.float32 if result.dtype.is_floating_point else int
    low = -math.inf if least is None else float(exact(least))
    high = math.inf if greatest is None else float(exact(greatest))
    return result.bounded(result.bounds.clamped(low, high))


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
