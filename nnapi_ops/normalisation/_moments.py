"""Normalisation by the mean and the variance of the elements themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from attrs import frozen

from nnapi_core.plugin import Context, Order, Value, ops

# Why these norms have no integers, and what to do about it.
FLOAT_STATISTICS = (
    "8 bits do not hold its mean and variance, so it is computed in floats between two casts; a batch norm, whose "
    "statistics are known, would be integers"
)


@frozen(eq=False)
class Normalised:
    """The normalised elements, and what they were normalised by (None where it was not computed)."""

    result: Value
    mean: Value | None = None
    factor: Value | None = None


def normalised(
    nn: Context, value: Value, dims: Sequence[int], eps: float, *, centred: bool = True
) -> Normalised:
    """``(x - mean) / sqrt(variance + eps)`` over ``dims``, or without the mean: ``x / sqrt(mean(x²) + eps)``.

    Computed in float32: squares of float16 numbers above 255 have no place in float16.
    """
    value = nn.cast(value, torch.float32)
    if nn.level < 29:
        return Normalised(_by_response(nn, value, dims, eps, centred))
    mean = None
    if centred:
        mean = _mean(nn, value, dims)
        value = nn.emit(ops.SUB, a=value, b=mean)
    variance = _mean(nn, nn.emit(ops.MUL, a=value, b=value), dims)
    shifted = nn.emit(ops.ADD, a=variance, b=nn.filled(variance, eps)) if eps else variance
    factor = nn.emit(ops.RSQRT, input=shifted, shape=shifted.shape)
    return Normalised(nn.emit(ops.MUL, a=value, b=factor), mean, factor)


def _mean(nn: Context, value: Value, dims: Sequence[int]) -> Value:
    shape = [1 if dim in dims else size for dim, size in enumerate(value.shape)]
    axes = [value.axis(dim).index for dim in dims]
    return nn.emit(ops.MEAN, input=value, axes=axes, keep_dims=True, shape=shape)


def _by_response(
    nn: Context, value: Value, dims: Sequence[int], eps: float, centred: bool
) -> Value:
    """Before RSQRT there was LOCAL_RESPONSE_NORMALIZATION: ``x / (bias + alpha * sum(x²)) ** beta``.

    The sum is over the last of four dimensions, of which a radius can take in all.
    """
    rank = value.rank
    last = [dim for dim in range(rank) if dim not in dims] + list(dims)
    moved = nn.arrange(nn.permute(value, last), Order.TORCH)
    shape = moved.static_shape
    columns = math.prod(shape[rank - len(dims) :])
    rows = nn.reshape(moved, (math.prod(shape) // columns, 1, 1, columns))
    if centred:
        rows = nn.emit(ops.SUB, a=rows, b=_mean(nn, rows, [3]))
    scaled = nn.emit(
        ops.LOCAL_RESPONSE_NORMALIZATION,
        input=rows,
        radius=columns,
        bias=eps,
        alpha=1 / columns,
        beta=0.5,
    )
    return nn.permute(nn.reshape(scaled, shape), [last.index(dim) for dim in range(rank)])
