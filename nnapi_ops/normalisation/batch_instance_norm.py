"""Batch normalisation that was not folded into the layer before it, and instance normalisation."""

from __future__ import annotations

import math

import numpy as np
import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Limitation,
    Lowering,
    Unsupported,
    Value,
    fixed,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.normalisation._moments import FLOAT_STATISTICS, normalised

aten = torch.ops.aten


_ONE_PRODUCT = (
    "one product and one sum, of the statistics and the weights together: they may overflow where torch's steps do not, "
    "or the other way round"
)


@lowering(
    aten.batch_norm.default,
    layout=Layout.ANY,
    limitations=[Limitation("training with running statistics, which it updates")],
    special_values=_ONE_PRODUCT,
)
def batch_norm(
    nn: Context,
    input: Value,
    weight: Value | None,
    bias: Value | None,
    running_mean: Value | None,
    running_var: Value | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Value:
    """
    batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, float eps, bool cudnn_enabled) -> Tensor
    """
    if not training and running_mean is not None and running_var is not None:
        return _by_statistics(nn, input, weight, bias, running_mean, running_var, eps)
    if running_mean is not None or running_var is not None:
        raise Unsupported("batch normalisation that updates its running statistics")
    dims = [dim for dim in range(input.rank) if dim != 1]
    return _scaled(nn, normalised(nn, input, dims, eps).result, weight, bias)


@lowering(
    aten._native_batch_norm_legit_no_training.default,
    layout=Layout.ANY,
    special_values=_ONE_PRODUCT,
)
def batch_norm_without_training(
    nn: Context,
    input: Value,
    weight: Value | None,
    bias: Value | None,
    running_mean: Value,
    running_var: Value,
    momentum: float,
    eps: float,
) -> tuple[Value, None, None]:
    """
    _native_batch_norm_legit_no_training(Tensor input, Tensor? weight, Tensor? bias, Tensor running_mean, Tensor running_var, float momentum, float eps) -> (Tensor, Tensor, Tensor)
    """
    result = _by_statistics(nn, input, weight, bias, running_mean, running_var, eps)
    return result, None, None


@lowering(
    aten.instance_norm.default,
    layout=Layout.IMAGE,
    limitations=[Limitation("statistics of the input with running statistics, which it updates")],
    in_floats=FLOAT_STATISTICS,
)
def instance_norm(
    nn: Context,
    input: Value,
    weight: Value | None,
    bias: Value | None,
    running_mean: Value | None,
    running_var: Value | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Value:
    """
    instance_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool use_input_stats, float momentum, float eps, bool cudnn_enabled) -> Tensor
    """
    if not use_input_stats and running_mean is not None and running_var is not None:
        return _by_statistics(nn, input, weight, bias, running_mean, running_var, eps)
    if running_mean is not None or running_var is not None:
        raise Unsupported("instance normalisation that updates its running statistics")
    if input.rank == 4 and nn.level >= 29:
        image = nn.cast(input, torch.float32)
        result = nn.emit(
            ops.INSTANCE_NORMALIZATION,
            input=image,
            gamma=1.0,
            beta=0.0,
            epsilon=eps,
            nchw=False,
        )
    else:
        batch, channels = input.shape[:2]
        sizes = fixed(input.shape[2:])
        rows = nn.reshape(input, (batch, channels, math.prod(sizes)))
        result = nn.reshape(normalised(nn, rows, (2,), eps).result, input.shape)
    return _scaled(nn, result, weight, bias)


def _by_statistics(
    nn: Context,
    input: Value,
    weight: Value | None,
    bias: Value | None,
    mean: Value,
    variance: Value,
    eps: float,
) -> Value:
    """``(input - mean) / sqrt(variance + eps) * weight + bias`` for each channel."""
    value = nn.cast(input, torch.float32)
    if any(one is not None and not one.is_constant for one in (weight, bias, mean, variance)):
        m, v = (_per_channel(nn, value, one) for one in (mean, variance))
        shifted = nn.emit(ops.ADD, a=v, b=nn.filled(v, eps))
        factor = nn.emit(ops.RSQRT, input=shifted, shape=shifted.shape)
        value = nn.emit(ops.MUL, a=nn.emit(ops.SUB, a=value, b=m), b=factor)
        return _scaled(nn, value, weight, bias)
    scale = 1 / np.sqrt(variance.array().astype(np.float64) + eps)
    if weight is not None:
        scale = scale * weight.array()
    shift = -mean.array() * scale
    if bias is not None:
        shift = shift + bias.array()
    return _scaled(nn, value, *(nn.constant(one) for one in (scale, shift)))


def _scaled(nn: Context, value: Value, weight: Value | None, bias: Value | None) -> Value:
    """``value * weight + bias`` for each channel, in the dtype of the result."""
    if weight is not None:
        value = nn.emit(ops.MUL, a=value, b=_per_channel(nn, value, weight))
    if bias is not None:
        value = nn.emit(ops.ADD, a=value, b=_per_channel(nn, value, bias))
    return nn.cast(value, nn.outs[0].dtype)


def _per_channel(nn: Context, like: Value, numbers: Value) -> Value:
    """One number a channel, as a tensor that broadcasts against ``like``."""
    shape = (*numbers.shape, *(1 for _ in range(like.rank - 2)))
    return nn.reshape(nn.cast(numbers, like.dtype), shape)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
