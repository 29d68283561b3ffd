"""Attention as torch has it whole: products of matrices around a softmax."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from attrs import frozen

from nnapi_core.plugin import (
    Context,
    Dim,
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
from nnapi_ops.linear._matrix_product import matrix_product, row_product

aten = torch.ops.aten

# Added to a score, it makes its weight 0 whatever the score, and never becomes infinite.
_FAR = {torch.float32: 1e38, torch.float16: 3e4}


@lowering(
    aten.scaled_dot_product_attention.default,
    layout=Layout.TORCH,
    limitations=[
        Limitation("a computed mask of booleans", level=29),
        Limitation("a computed mask of numbers that is -inf along a whole row", level=29),
        Limitation("dropout in evaluation"),
    ],
    in_floats="the range of its masks is no scale's, so with a mask it is computed in floats between casts; without, "
    "nnapi_core.quantize makes it matrix products and a softmax of integers from level 29 on",
    special_values="below feature level 29 a computed mask of numbers that is -inf along a row gives NaN, not 0",
)
def scaled_dot_product_attention(
    nn: Context,
    query: Value,
    key: Value,
    value: Value,
    attn_mask: Value | None,
    dropout_p: float,
    is_causal: bool,
    scale: float | None,
    enable_gqa: bool,
) -> Value:
    """
    scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0., bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor
    Rows that are masked as a whole become 0, as torch has them.
    """
    if dropout_p:
        raise Unsupported("dropout in evaluation", dropout_p=dropout_p)
    length, keys = query.shape[-2], key.shape[-2]
    factor = 1 / math.sqrt(*fixed(query.shape[-1:])) if scale is None else scale
    if factor != 1:
        query = nn.emit(ops.MUL, a=query, b=nn.filled(query, factor))
    grouped = _grouped(query, key) if enable_gqa else query.shape
    scores = row_product(nn, nn.reshape(query, grouped), key)
    by_matrix = scores.shape
    scores = nn.reshape(scores, (*nn.out.shape[:-2], length, keys))
    if is_causal:
        attn_mask = nn.constant(np.tri(*fixed((length, keys)), dtype=np.bool_), torch.bool)
    mask = _Mask.of(nn, attn_mask, query.dtype)
    weights = mask.applied(nn, _softmax(nn, mask.added(nn, scores)))
    return nn.reshape(matrix_product(nn, nn.reshape(weights, by_matrix), value), nn.out.shape)


def _grouped(query: Value, key: Value) -> tuple[Dim, ...]:
    """The shape in which the heads that share a key are rows of one matrix."""
    *batch, heads, length, inner = query.shape
    (shared,), (all_, rows) = fixed(key.shape[-3:-2]), fixed((heads, length))
    return (*batch, shared, all_ // shared * rows, inner)


def _softmax(nn: Context, scores: Value) -> Value:
    if nn.level >= 29:
        return nn.emit(ops.SOFTMAX, input=scores, beta=1.0, axis=scores.axis(-1))
    *rows, columns = scores.static_shape
    flat = nn.reshape(scores, (math.prod(rows), columns))
    return nn.reshape(nn.emit(ops.SOFTMAX, input=flat, beta=1.0), scores.shape)


def _greatest(nn: Context, mask: Value) -> Value:
    """The greatest of each row."""
    shape = (*mask.shape[:-1], 1)
    axes = [mask.axis(-1).index]
    return nn.emit(ops.REDUCE_MAX, input=mask, axes=axes, keep_dims=True, shape=shape)


@frozen(eq=False)
class _Mask:
    """What is added to the scores, and what the weights are multiplied by: 0 for rows without any key."""

    addend: Value | None = None
    alive: Value | None = None

    @classmethod
    def of(cls, nn: Context, mask: Value | None, dtype: torch.dtype) -> _Mask:
        if mask is None:
            return cls()
        if mask.is_constant:
            return cls._constant(nn, mask.array(), dtype)
        if mask.dtype is not torch.bool:
            return cls._of_numbers(nn, nn.cast(mask, dtype), dtype)
        ones = nn.cast(mask, dtype)
        shifted = nn.emit(ops.ADD, a=ones, b=nn.filled(ones, -1.0))
        addend = nn.emit(ops.MUL, a=shifted, b=nn.filled(ones, _FAR[dtype]))
        return cls(addend, _greatest(nn, ones))

    @classmethod
    def _of_numbers(cls, nn: Context, mask: Value, dtype: torch.dtype) -> _Mask:
        """-inf becomes far enough, so that a row of nothing else has weights, which are then made 0."""
        if nn.level < 29:
            return cls(mask)
        addend = nn.emit(ops.MAXIMUM, a=mask, b=nn.filled(mask, -_FAR[dtype]))
        row = _greatest(nn, mask)
        alive = nn.emit(ops.NOT_EQUAL, a=row, b=nn.filled(row, -math.inf), dtype=torch.bool)
        return cls(addend, nn.cast(alive, dtype))

    @classmethod
    def _constant(cls, nn: Context, mask: np.ndarray[Any, Any], dtype: torch.dtype) -> _Mask:
        if mask.dtype == np.bool_:
            mask = np.where(mask, 0.0, -np.inf)
        dead = np.all(mask == -np.inf, axis=-1, keepdims=True)
        addend = nn.constant(np.where(mask == -np.inf, -_FAR[dtype], mask), dtype)
        return cls(addend, nn.constant(~dead, dtype) if dead.any() else None)

    def added(self, nn: Context, scores: Value) -> Value:
        return scores if self.addend is None else nn.emit(ops.ADD, a=scores, b=self.addend)

    def applied(self, nn: Context, weights: Value) -> Value:
        return weights if self.alive is None else nn.emit(ops.MUL, a=weights, b=self.alive)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
