"""Tensors of which a slice, a row or a diagonal is replaced."""

from __future__ import annotations

import math

import numpy as np
import torch

from nnapi_core.plugin import Context, Layout, Lowering, Value, hookimpl, lowering, lowerings_of
from nnapi_ops.indexing._fixed_scatter import replaced
from nnapi_ops.indexing._gather import looked_up
from nnapi_ops.shape._fixed_gather import Run, joined, sliced
from nnapi_ops.shape.expand_repeat import expanded
from nnapi_ops.shape.slice_select_split import run_of

aten = torch.ops.aten


@lowering(aten.slice_scatter.default, layout=Layout.SAME)
def slice_scatter(
    nn: Context, self: Value, src: Value, dim: int, start: int | None, end: int | None, step: int
) -> Value:
    """slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor"""
    run = run_of(self, dim, start, end, step)
    src = nn.cast(src, self.dtype)
    size = self.static_shape[dim]
    if run.step != 1:
        order = list(range(size))
        for place, position in enumerate(range(run.start, run.start + run.count * step, step)):
            order[position] = size + place
        both = joined(nn, [self, src], dim)
        return looked_up(nn, both, dim, nn.constant(np.array(order), torch.int32))
    after = run.start + run.count
    pieces = [(self, Run(0, run.start)), (src, Run(0, run.count)), (self, Run(after, size - after))]
    return joined(nn, [sliced(nn, one, dim, part) for one, part in pieces if part.count], dim)


@lowering(aten.select_scatter.default, layout=Layout.TORCH)
def select_scatter(nn: Context, self: Value, src: Value, dim: int, index: int) -> Value:
    """select_scatter(Tensor self, Tensor src, int dim, SymInt index) -> Tensor"""
    dim %= self.rank
    size = self.static_shape[dim]
    index %= size
    row = nn.reshape(nn.cast(src, self.dtype), (*self.shape[:dim], 1, *self.shape[dim + 1 :]))
    pieces = [
        *([sliced(nn, self, dim, Run(0, index))] if index else []),
        row,
        *([sliced(nn, self, dim, Run(index + 1, size - index - 1))] if index < size - 1 else []),
    ]
    return joined(nn, pieces, dim)


@lowering(aten.diagonal_scatter.default, layout=Layout.TORCH)
def diagonal_scatter(
    nn: Context, self: Value, src: Value, offset: int, dim1: int, dim2: int
) -> Value:
    """diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor"""
    shape = self.static_shape
    places = np.arange(math.prod(shape)).reshape(shape)
    target = np.diagonal(places, offset, dim1, dim2)
    flat = nn.reshape(nn.cast(src, self.dtype), (target.size,))
    return replaced(nn, self, target.reshape(-1), flat)


@lowering(aten.copy.default, layout=Layout.SAME)
def copy(nn: Context, self: Value, src: Value, non_blocking: bool) -> Value:
    """copy(Tensor self, Tensor src, bool non_blocking=False) -> Tensor"""
    return expanded(nn, nn.cast(src, self.dtype), self.shape)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
