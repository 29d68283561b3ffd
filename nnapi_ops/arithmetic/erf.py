"""The error function.

NNAPI has none. The logit of the normal distribution over its argument is a smooth even function, for which a
polynomial of degree 6 in the square is enough (weighted minimax, fitted in double precision): then the
distribution is a LOGISTIC, and the error function a TANH. GELU is defined by the same distribution.
"""

from __future__ import annotations

import math

import torch

from nnapi_core.plugin import (
    Bounds,
    Context,
    Layout,
    Limitation,
    Lowering,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.arithmetic._polynomial import in_float32, polynomial
from nnapi_ops.arithmetic.add_sub_mul import plus, times

aten = torch.ops.aten

ERROR = 5e-7
"""Absolute, of erf and erfc; of GELU for each unit of its argument, where that is above 1."""

# logit(Phi(x)) / x by powers of v = min(x**2 / 6, 6); beyond x = 6, float32 holds nothing between Phi and 1.
_LOGIT = (
    1.5957698822021484, 0.43599700927734375, -0.0023468383587896824, -0.023892275989055634,
    0.010276617482304573, -0.002056959317997098, 0.00016387179493904114,
)  # fmt: skip

APPROXIMATION = Limitation(f"computed by a polynomial, with an error of up to {ERROR:.0e}")


@lowering(
    aten.erf.default, aten.special_erf.default, layout=Layout.ANY, limitations=[APPROXIMATION]
)
def erf(nn: Context, self: Value) -> Value:
    """
    erf(Tensor self) -> Tensor
    special_erf(Tensor self) -> Tensor
    """
    return in_float32(nn, self, lambda x: _erf(nn, x)).bounded(Bounds(-1, 1))


@lowering(
    aten.erfc.default, aten.special_erfc.default, layout=Layout.ANY, limitations=[APPROXIMATION]
)
def erfc(nn: Context, self: Value) -> Value:
    """
    erfc(Tensor self) -> Tensor
    special_erfc(Tensor self) -> Tensor
    """

    def function(x: Value) -> Value:
        tail = nn.emit(
            ops.LOGISTIC, input=normal_logit(nn, times(nn, x, nn.filled(x, -math.sqrt(2))))
        )
        return plus(nn, tail, tail)

    return in_float32(nn, self, function)


def _erf(nn: Context, x: Value) -> Value:
    logit = normal_logit(nn, times(nn, x, nn.filled(x, math.sqrt(2))))
    return nn.emit(ops.TANH, input=times(nn, logit, nn.filled(x, 0.5)))


def normal_logit(nn: Context, x: Value) -> Value:
    """``log(Phi(x) / Phi(-x))`` for the normal distribution."""
    sixth = times(nn, times(nn, x, nn.filled(x, 1 / 6)), x)
    return times(nn, x, polynomial(nn, nn.emit(ops.RELU6, input=sixth), _LOGIT))


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
