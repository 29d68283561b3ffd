"""Rows of a table by their numbers: one by one, or bags of them as sums, means and maxima; and one-hot rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Limitation,
    Lowering,
    Unsupported,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.arithmetic.add_sub_mul import times
from nnapi_ops.indexing._gather import known_positions, looked_up
from nnapi_ops.reduction._reduce_dims import averaged, reduced, summed

aten = torch.ops.aten

_SUM, _MEAN, _MAX = 0, 1, 2


@lowering(aten.embedding.default, layout=Layout.TORCH)
def embedding(nn: Context, weight: Value, indices: Value, **ignored: Any) -> Value:
    """embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor"""
    index = known_positions(indices, weight.static_shape[0])
    if nn.level < 29 and index.rank == 1:
        return nn.emit(ops.EMBEDDING_LOOKUP, lookups=index, values=weight, out=nn.out)
    return looked_up(nn, weight, 0, index)


@lowering(
    aten._embedding_bag.default,
    aten._embedding_bag_forward_only.default,
    layout=Layout.TORCH,
    limitations=[
        Limitation("bags of different sizes, and bags whose sizes the model computes"),
        Limitation("a padding index, which a bag leaves out"),
    ],
)
def embedding_bag(
    nn: Context,
    weight: Value,
    indices: Value,
    offsets: Value,
    scale_grad_by_freq: bool,
    mode: int,
    sparse: bool,
    per_sample_weights: Value | None,
    include_last_offset: bool,
    padding_idx: int,
) -> tuple[Value, None, None, None]:
    """
    _embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False, int padding_idx=-1) -> (Tensor, Tensor, Tensor, Tensor)
    _embedding_bag_forward_only(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False, int padding_idx=-1) -> (Tensor, Tensor, Tensor, Tensor)

    Bags of one size are rows of a matrix of positions.
    """
    if padding_idx >= 0:
        raise Unsupported("a padding index in bags of embeddings", padding_idx=padding_idx)
    (count,) = indices.static_shape
    starts = offsets.array().tolist()
    if not include_last_offset:
        starts = [*starts, count]
    bags = len(starts) - 1
    size = starts[1] - starts[0] if bags else 0
    if not size or starts != list(range(0, count + 1, size)):
        raise Unsupported("bags of different sizes, or empty ones", offsets=starts)
    (_, width) = weight.static_shape
    rows = looked_up(nn, weight, 0, known_positions(indices, weight.static_shape[0]))
    if per_sample_weights is not None:
        rows = times(nn, rows, nn.reshape(per_sample_weights, (count, 1)))
    grouped = nn.reshape(rows, (bags, size, width))
    if mode == _MAX:
        return reduced(nn, ops.REDUCE_MAX, grouped, [1], False), None, None, None
    combine = averaged if mode == _MEAN else summed
    return combine(nn, grouped, [1], False), None, None, None


@lowering(aten.one_hot.default, layout=Layout.TORCH)
def one_hot(nn: Context, self: Value, num_classes: int) -> Value:
    """one_hot(Tensor self, int num_classes=-1) -> Tensor"""
    classes = nn.out.static_shape[-1]
    column = nn.reshape(self, (*self.shape, 1))
    numbers = nn.constant(np.arange(classes), self.dtype)
    return nn.cast(nn.emit(ops.EQUAL, a=column, b=numbers), nn.out.dtype)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
