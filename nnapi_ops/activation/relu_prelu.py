"""Rectifiers: ReLU, with limits, and with slopes below zero."""

from __future__ import annotations

from typing import Any

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
from nnapi_ops.arithmetic._type_promotion import Number
from nnapi_ops.arithmetic.add_sub_mul import minus, negative, times
from nnapi_ops.arithmetic.clamp import clamped
from nnapi_ops.arithmetic.where_masked_fill import chosen

aten = torch.ops.aten


@lowering(aten.relu.default, layout=Layout.ANY)
def relu(nn: Context, self: Value) -> Value:
    """relu(Tensor self) -> Tensor"""
    return clamped(nn, self, 0, None)


@lowering(aten.relu6.default, layout=Layout.ANY)
def relu6(nn: Context, self: Value) -> Value:
    """relu6(Tensor self) -> Tensor"""
    return clamped(nn, self, 0, 6)


@lowering(aten.leaky_relu.default, layout=Layout.ANY)
def leaky_relu(nn: Context, self: Value, negative_slope: Number) -> Value:
    """leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor"""
    return leaky(nn, self, nn.filled(self, negative_slope))


@lowering(aten.rrelu.default, layout=Layout.ANY)
def rrelu(
    nn: Context, self: Value, lower: Number, upper: Number, training: bool, **ignored: Any
) -> Value:
    """rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor"""
    if training:
        raise Unsupported("rrelu draws random slopes; call model.eval() before converting")
    return leaky(nn, self, nn.filled(self, (lower + upper) / 2))


@lowering(aten.prelu.default, layout=Layout.ANY)
def prelu(nn: Context, self: Value, weight: Value) -> Value:
    """
    prelu(Tensor self, Tensor weight) -> Tensor

    One slope, or one for each channel, which is dimension 1.
    """
    if weight.spec.count == 1:
        return leaky(nn, self, nn.reshape(weight, ()))
    channels = [1] * self.rank
    channels[1 if self.rank > 1 else 0] = weight.static_shape[0]
    return leaky(nn, self, nn.arrange(nn.reshape(weight, channels), self.order))


@lowering(aten.threshold.default, layout=Layout.ANY)
def threshold(nn: Context, self: Value, threshold: Number, value: Number) -> Value:
    """threshold(Tensor self, Scalar threshold, Scalar value) -> Tensor"""
    if threshold == value == 0 and self.dtype.is_floating_point:
        return nn.emit(ops.RELU, input=self)
    small = nn.emit(ops.LESS_EQUAL, a=self, b=nn.filled(self, threshold))
    return chosen(nn, small, nn.filled(self, value), self)


def leaky(nn: Context, value: Value, slope: Value) -> Value:
    """``value`` where it is positive, ``slope * value`` elsewhere."""
    if nn.level >= 29:
        return nn.emit(ops.PRELU, input=value, alpha=slope)
    if not value.dtype.is_floating_point:
        raise Unsupported("PRELU needs feature level 29", dtype=value.dtype)
    below = nn.emit(ops.RELU, input=negative(nn, value))
    return minus(nn, nn.emit(ops.RELU, input=value), times(nn, below, slope))


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
