"""Layer, group and root-mean-square normalisation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from nnapi_core.plugin import (
    Context,
    Dim,
    Layout,
    Lowering,
    Order,
    Value,
    fixed,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.normalisation._moments import FLOAT_STATISTICS, Normalised, normalised

aten = torch.ops.aten


@lowering(aten.layer_norm.default, layout=Layout.ANY, in_floats=FLOAT_STATISTICS)
def layer_norm(
    nn: Context,
    input: Value,
    normalized_shape: Sequence[int],
    weight: Value | None,
    bias: Value | None,
    eps: float,
    cudnn_enable: bool,
) -> Value:
    """
    layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enable=True) -> Tensor
    """
    found = _over_last(nn, input, len(normalized_shape), eps, centred=True)
    return _finished(nn, found.result, weight, bias)


@lowering(aten.native_layer_norm.default, layout=Layout.ANY, in_floats=FLOAT_STATISTICS)
def native_layer_norm(
    nn: Context,
    input: Value,
    normalized_shape: Sequence[int],
    weight: Value | None,
    bias: Value | None,
    eps: float,
) -> tuple[Value, Value | None, Value | None]:
    """
    native_layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight, Tensor? bias, float eps) -> (Tensor, Tensor, Tensor)
    """
    found = _over_last(nn, input, len(normalized_shape), eps, centred=True)
    return _finished(nn, found.result, weight, bias), *_moments(nn, found)


@lowering(aten.rms_norm.default, layout=Layout.ANY, in_floats=FLOAT_STATISTICS)
def rms_norm(
    nn: Context,
    input: Value,
    normalized_shape: Sequence[int],
    weight: Value | None,
    eps: float | None,
) -> Value:
    """
    rms_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor
    """
    epsilon = torch.finfo(torch.float32).eps if eps is None else eps
    found = _over_last(nn, input, len(normalized_shape), epsilon, centred=False)
    return _finished(nn, found.result, weight, None)


@lowering(aten.group_norm.default, layout=Layout.ANY, in_floats=FLOAT_STATISTICS)
def group_norm(
    nn: Context,
    input: Value,
    num_groups: int,
    weight: Value | None,
    bias: Value | None,
    eps: float,
    cudnn_enabled: bool,
) -> Value:
    """
    group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enabled=True) -> Tensor
    """
    return _by_groups(nn, input, num_groups, weight, bias, eps)[0]


@lowering(aten.native_group_norm.default, layout=Layout.ANY, in_floats=FLOAT_STATISTICS)
def native_group_norm(
    nn: Context,
    input: Value,
    weight: Value | None,
    bias: Value | None,
    N: Dim,
    C: Dim,
    HxW: Dim,
    group: int,
    eps: float,
) -> tuple[Value, Value | None, Value | None]:
    """
    native_group_norm(Tensor input, Tensor? weight, Tensor? bias, SymInt N, SymInt C, SymInt HxW, int group, float eps) -> (Tensor, Tensor, Tensor)
    """
    result, found = _by_groups(nn, input, group, weight, bias, eps)
    return result, *_moments(nn, found)


def _over_last(nn: Context, input: Value, count: int, eps: float, *, centred: bool) -> Normalised:
    """Normalised over the last ``count`` dimensions."""
    dims = list(range(input.rank - count, input.rank))
    return normalised(nn, input, dims, eps, centred=centred)


def _finished(nn: Context, value: Value, weight: Value | None, bias: Value | None) -> Value:
    """``value * weight + bias``, in the dtype of the result."""
    if weight is not None:
        value = nn.emit(ops.MUL, a=value, b=nn.cast(weight, value.dtype))
    if bias is not None:
        value = nn.emit(ops.ADD, a=value, b=nn.cast(bias, value.dtype))
    return nn.cast(value, nn.outs[0].dtype)


def _moments(nn: Context, normalised: Normalised) -> tuple[Value | None, Value | None]:
    """Mean and reciprocal deviation as second and third results, where they are of the dtype computed in."""
    both = (normalised.mean, normalised.factor)
    mean, factor = (
        nn.reshape(value, out.shape) if value is not None and value.dtype is out.dtype else None
        for value, out in zip(both, nn.outs[1:], strict=True)
    )
    return mean, factor


def _by_groups(
    nn: Context,
    input: Value,
    groups: int,
    weight: Value | None,
    bias: Value | None,
    eps: float,
) -> tuple[Value, Normalised]:
    batch = input.shape[0]
    channels, *sizes = fixed(input.shape[1:])
    size, each = math.prod(sizes), channels // groups
    if input.order is Order.CHANNELS_LAST:
        # As it lies in memory: [batch, height, width, channels].
        flat = nn.permute(input, (0, 2, 3, 1))
        found = normalised(nn, nn.reshape(flat, (batch, size, groups, each)), (1, 3), eps)
        result = nn.permute(nn.reshape(found.result, flat.shape), (0, 3, 1, 2))
    else:
        found = normalised(nn, nn.reshape(input, (batch, groups, each * size)), (2,), eps)
        result = nn.reshape(found.result, input.shape)
    shape = (channels, *(1 for _ in sizes))
    factors = [None if one is None else nn.reshape(one, shape) for one in (weight, bias)]
    return _finished(nn, result, *factors), found


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
