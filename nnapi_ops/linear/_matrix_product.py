"""Products of (batches of) matrices, in the form that the target level has."""

from __future__ import annotations

import math

import numpy as np
import torch
from attrs import evolve

from nnapi_core.plugin import (
    Bounds,
    ChannelQuant,
    Constant,
    Context,
    Dim,
    Order,
    Unsupported,
    Value,
    broadcast_shapes,
    fixed,
    ops,
    product,
)
from nnapi_ops.convolution._bias import bias_or_zeros
from nnapi_ops.convolution._windows import Span, window_operands
from nnapi_ops.shape._split_and_concat import join, split

# Below BATCH_MATMUL, batches up to this size become a FULLY_CONNECTED each.
MOST_UNROLLED = 32


def fully_connected(nn: Context, input: Value, weight: Value, bias: Value | None) -> Value:
    """``input`` (…, in) times ``weight`` (units, in) transposed, plus ``bias``: (…, units)."""
    (units,) = fixed(weight.shape[:1])
    rows = (
        nn.arrange(input, Order.TORCH) if input.rank > 1 else nn.reshape(input, (1, *input.shape))
    )
    if isinstance(weight.quant, ChannelQuant):
        return nn.reshape(_pointwise(nn, rows, weight, bias, units), (*input.shape[:-1], units))
    result = nn.emit(
        ops.FULLY_CONNECTED,
        input=rows,
        weights=weight,
        bias=bias_or_zeros(nn, input, weight, bias, units),
        shape=(product(rows.shape[:-1]), units),
        quant=nn.outs[0].quant,
    )
    return nn.reshape(result, (*input.shape[:-1], units))


def _pointwise(nn: Context, rows: Value, weight: Value, bias: Value | None, units: int) -> Value:
    """As a convolution of images of one pixel: FULLY_CONNECTED has no scale for each unit."""
    count, (inner,) = product(rows.shape[:-1]), fixed(rows.shape[-1:])
    pixels = nn.arrange(nn.reshape(rows, (count, inner, 1, 1)), Order.CHANNELS_LAST)
    kernels = nn.arrange(nn.reshape(weight, (units, inner, 1, 1)), Order.CHANNELS_LAST)
    return nn.emit(
        ops.CONV_2D,
        input=pixels,
        weights=kernels,
        bias=bias_or_zeros(nn, rows, weight, bias, units),
        shape=(count, units, 1, 1),
        quant=nn.outs[0].quant,
        **window_operands(Span(1), Span(1)),
    )


def matrix_product(nn: Context, a: Value, b: Value, *, bias: Value | None = None) -> Value:
    """``a @ b`` of operands of rank 2 and more with broadcast batches, plus ``bias`` for each column."""
    if not a.dtype.is_floating_point and a.quant is None:
        return _of_integers(nn, a, b)
    if bias is None and _takes_batches(nn, a, b):
        return _batch_matmul(nn, a, b, transpose_b=False)
    return row_product(nn, a, _transposed(nn, b), bias=bias)


def row_product(nn: Context, a: Value, b: Value, *, bias: Value | None = None) -> Value:
    """``a @ b.mT``: the same with ``b`` (…, N, K) given by its rows."""
    if bias is None and _takes_batches(nn, a, b):
        return _batch_matmul(nn, a, b, transpose_b=True)
    batch = broadcast_shapes([a.shape[:-2], b.shape[:-2]])
    if product(b.shape[:-2]) == 1:
        result = fully_connected(nn, a, nn.reshape(b, b.shape[-2:]), bias)
    elif product(a.shape[:-2]) == 1:
        # a @ bᵀ = (b @ aᵀ)ᵀ
        result = _transposed(nn, fully_connected(nn, b, nn.reshape(a, a.shape[-2:]), None))
    else:
        left, right = (_expanded(nn, one, batch) for one in (a, b))
        few = math.prod(left.static_shape[:-2]) <= MOST_UNROLLED
        result = (_unrolled if few or nn.level < 29 else _grouped)(nn, left, right)
    return nn.reshape(result, (*batch, a.shape[-2], b.shape[-2]))


def _of_integers(nn: Context, a: Value, b: Value) -> Value:
    """BATCH_MATMUL takes int32; floats hold small integers, and their sums, exactly."""
    (inner,) = fixed(a.shape[-1:])
    bounds = a.bounds * b.bounds * Bounds(inner, inner)
    if nn.level >= 1000006 and (a.dtype is torch.int32 or bounds.fits_int32):
        return _batch_matmul(nn, a, b, transpose_b=False).bounded(bounds)
    if not all(one.exact_in_float32 for one in (a.bounds, b.bounds, bounds)):
        raise Unsupported(
            "sums of products of integers may be larger than NNAPI holds exactly at this level",
            dtype=a.dtype,
            target=nn.level,
        )
    floats = (nn.cast(one, torch.float32) for one in (a, b))
    return nn.cast(matrix_product(nn, *floats), torch.int32).bounded(bounds)


def _takes_batches(nn: Context, a: Value, b: Value) -> bool:
    """Is BATCH_MATMUL the operation to use? A product with one constant matrix is a FULLY_CONNECTED."""
    constant = any(one.is_constant and product(one.shape[:-2]) == 1 for one in (a, b))
    return nn.level >= 1000006 and not constant


def _batch_matmul(nn: Context, a: Value, b: Value, *, transpose_b: bool) -> Value:
    batch = broadcast_shapes([a.shape[:-2], b.shape[:-2]])
    shape = (*batch, a.shape[-2], b.shape[-2 if transpose_b else -1])
    if product(b.shape[:-2]) == 1:
        # One matrix for the whole batch: its rows are those of a longer one.
        a = nn.reshape(a, (product(a.shape[:-1]), a.shape[-1]))
        b, batch = nn.reshape(b, b.shape[-2:]), ()
    result = nn.emit(
        ops.BATCH_MATMUL,
        a=_expanded(nn, a, batch),
        b=_expanded(nn, b, batch),
        transpose_a=False,
        transpose_b=transpose_b,
        shape=(*batch, a.shape[-2], shape[-1]),
    )
    return nn.reshape(result, shape)


def _unrolled(nn: Context, a: Value, b: Value) -> Value:
    """A FULLY_CONNECTED for each matrix of ``a`` (…, M, K) and ``b`` (…, N, K): (batch * M, N)."""
    *batch, rows, inner = a.static_shape
    columns = b.static_shape[-2]
    count = math.prod(batch)
    lefts = split(nn, nn.reshape(a, (count * rows, inner)), 0, count)
    rights = split(nn, nn.reshape(b, (count * columns, inner)), 0, count)
    results = [fully_connected(nn, *one, None) for one in zip(lefts, rights, strict=True)]
    return join(nn, results, 0)


def _grouped(nn: Context, a: Value, b: Value) -> Value:
    """All products as one grouped convolution: each matrix of the batch is a group of channels.

    ``a`` is (…, M, K) and ``b`` (…, N, K); the result is (batch, M, N).
    """
    *batch, rows, inner = a.static_shape
    columns = b.static_shape[-2]
    count = math.prod(batch)
    # An image of height M and count * K channels; it lies channels last, so nothing more is moved.
    side_by_side = nn.permute(nn.reshape(a, (count, rows, inner)), (1, 0, 2))
    image = nn.permute(nn.reshape(side_by_side, (1, rows, 1, count * inner)), (0, 3, 1, 2))
    kernels = nn.permute(nn.reshape(b, (count * columns, 1, 1, inner)), (0, 3, 1, 2))
    result = nn.emit(
        ops.GROUPED_CONV_2D,
        input=nn.arrange(image, Order.CHANNELS_LAST),
        weights=nn.arrange(kernels, Order.CHANNELS_LAST),
        bias=bias_or_zeros(nn, a, b, None, count * columns),
        groups=count,
        nchw=False,
        **window_operands(Span(1), Span(1)),
        shape=(1, count * columns, rows, 1),
    )
    apart = nn.reshape(nn.permute(result, (0, 2, 3, 1)), (rows, count, columns))
    return nn.permute(apart, (1, 0, 2))


def _transposed(nn: Context, value: Value) -> Value:
    """The last two dimensions exchanged."""
    rank = value.rank
    return nn.arrange(nn.permute(value, (*range(rank - 2), rank - 1, rank - 2)), Order.TORCH)


def _expanded(nn: Context, value: Value, batch: tuple[Dim, ...]) -> Value:
    """The matrices repeated for a broadcast batch."""
    matrix = tuple(value.shape[-2:])
    here = (1,) * (len(batch) + 2 - value.rank) + tuple(value.shape[:-2])
    value = nn.reshape(value, (*here, *matrix))
    if here == batch:
        return value
    if isinstance(value.source, Constant):
        shape = tuple(dim for dim in (*batch, *matrix) if isinstance(dim, int))
        repeated = value.source.map(
            lambda array: np.broadcast_to(array, shape), key=("expand", shape), shape=shape
        )
        return Value(evolve(value.spec, shape=shape), repeated)
    multiples: list[int] = []
    for one, all_ in zip(here, batch, strict=True):
        if one != all_ and not isinstance(all_, int):
            raise Unsupported("matrices repeated along a free dimension", batch=batch)
        multiples.append(all_ if one != all_ and isinstance(all_, int) else 1)
    if nn.level >= 29:
        return nn.emit(ops.TILE, input=value, multiples=[*multiples, 1, 1], shape=(*batch, *matrix))
    for dim, count in enumerate(multiples):
        value = join(nn, [value] * count, dim)
    return value
