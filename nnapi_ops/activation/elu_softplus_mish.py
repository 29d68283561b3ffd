"""Activations by exponentials: ELU and CELU, softplus, Mish, and the logarithm of the logistic function."""

from __future__ import annotations

import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Lowering,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.arithmetic._polynomial import in_float32
from nnapi_ops.arithmetic._type_promotion import Number
from nnapi_ops.arithmetic.add_sub_mul import negative, plus, times
from nnapi_ops.arithmetic.division import quotient
from nnapi_ops.arithmetic.exp_log_pow import exponential_minus_one_below_one, log_one_plus
from nnapi_ops.arithmetic.maximum_minimum import smaller
from nnapi_ops.arithmetic.where_masked_fill import chosen

aten = torch.ops.aten

# exp(-20) is nothing to 1 in float32.
_SATURATED = 20


@lowering(aten.mish.default, layout=Layout.ANY)
def mish(nn: Context, self: Value) -> Value:
    """
    mish(Tensor self) -> Tensor

    The tanh of a softplus is w / (w + 2) for w = e (e + 2), e = exp(x).
    """

    def function(x: Value) -> Value:
        two = nn.filled(x, 2)
        grown = nn.emit(ops.EXP, input=smaller(nn, x, nn.filled(x, _SATURATED)))
        w = times(nn, grown, plus(nn, grown, two))
        return times(nn, x, quotient(nn, w, plus(nn, w, two)))

    return in_float32(nn, self, function)


@lowering(aten.softplus.default, layout=Layout.ANY)
def softplus(nn: Context, self: Value, beta: Number, threshold: Number) -> Value:
    """softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor"""

    def function(x: Value) -> Value:
        scaled = times(nn, x, nn.filled(x, beta)) if beta != 1 else x
        result = _softplus(nn, scaled)
        if beta != 1:
            result = quotient(nn, result, beta)
        if threshold >= _SATURATED and beta == 1:
            return result
        is_large = nn.emit(ops.GREATER, a=scaled, b=nn.filled(x, threshold))
        return chosen(nn, is_large, x, result)

    return in_float32(nn, self, function)


@lowering(aten.log_sigmoid.default, layout=Layout.ANY)
def log_sigmoid(nn: Context, self: Value) -> Value:
    """log_sigmoid(Tensor self) -> Tensor"""
    return in_float32(nn, self, lambda x: negative(nn, _softplus(nn, negative(nn, x))))


@lowering(aten.elu.default, layout=Layout.ANY)
def elu(nn: Context, self: Value, alpha: Number, scale: Number, input_scale: Number) -> Value:
    """elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor"""
    if nn.level >= 30 and input_scale == 1:
        result = nn.emit(ops.ELU, input=self, alpha=float(alpha))
    else:
        result = _bent(nn, self, alpha, input_scale)
    return result if scale == 1 else times(nn, result, nn.filled(self, scale))


@lowering(aten.celu.default, layout=Layout.ANY)
def celu(nn: Context, self: Value, alpha: Number) -> Value:
    """celu(Tensor self, Scalar alpha=1.) -> Tensor"""
    if nn.level >= 30 and alpha == 1:
        return nn.emit(ops.ELU, input=self, alpha=1.0)
    return _bent(nn, self, alpha, 1 / alpha)


def _bent(nn: Context, x: Value, alpha: Number, input_scale: Number) -> Value:
    """``x`` above 0, and ``alpha * (exp(x * input_scale) - 1)`` below."""
    below = nn.emit(ops.RELU, input=negative(nn, x))
    grown = exponential_minus_one_below_one(nn, times(nn, below, nn.filled(x, -input_scale)))
    return plus(nn, nn.emit(ops.RELU, input=x), times(nn, grown, nn.filled(x, alpha)))


def _softplus(nn: Context, x: Value) -> Value:
    """``log(1 + exp(x))``, which is ``max(x, 0) + log(1 + exp(-|x|))``."""
    falling = nn.emit(ops.EXP, input=negative(nn, nn.emit(ops.ABS, input=x)))
    return plus(nn, nn.emit(ops.RELU, input=x), log_one_plus(nn, falling))


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
