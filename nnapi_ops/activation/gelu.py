"""GELU: by the error function, or by a hyperbolic tangent."""

from __future__ import annotations

import math

import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Lowering,
    Unsupported,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.arithmetic.add_sub_mul import plus, times
from nnapi_ops.arithmetic.erf import APPROXIMATION, normal_logit

aten = torch.ops.aten


@lowering(
    aten.gelu.default,
    layout=Layout.ANY,
    limitations=[APPROXIMATION],
    special_values="an infinity stays one, or becomes 0, where torch's vectors give NaN",
)
def gelu(nn: Context, self: Value, approximate: str) -> Value:
    """gelu(Tensor self, *, str approximate="none") -> Tensor"""
    if approximate == "none":
        return times(nn, self, nn.emit(ops.LOGISTIC, input=normal_logit(nn, self)))
    if approximate != "tanh":
        raise Unsupported("an unknown form of GELU", approximate=approximate)
    # (1 + tanh(y)) / 2 is the logistic of 2 y.
    inner = 2 * math.sqrt(2 / math.pi)
    square = times(nn, self, self)
    factor = plus(nn, times(nn, square, nn.filled(self, 0.044715 * inner)), nn.filled(self, inner))
    return times(nn, self, nn.emit(ops.LOGISTIC, input=times(nn, self, factor)))


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
