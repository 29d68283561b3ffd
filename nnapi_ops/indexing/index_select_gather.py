"""Elements at positions along one dimension."""

from __future__ import annotations

import math

import numpy as np
import torch

from nnapi_core.plugin import Context, Layout, Lowering, Value, hookimpl, lowering, lowerings_of
from nnapi_ops.indexing._gather import known_positions, linear_positions, looked_up

aten = torch.ops.aten


@lowering(aten.index_select.default, layout=Layout.ANY)
def index_select(nn: Context, self: Value, dim: int, index: Value) -> Value:
    """index_select(Tensor self, int dim, Tensor index) -> Tensor"""
    if not self.rank:
        return self
    size = self.static_shape[dim]
    return nn.reshape(looked_up(nn, self, dim, known_positions(index, size)), nn.out.shape)


@lowering(aten.gather.default, layout=Layout.TORCH)
def gather(nn: Context, self: Value, dim: int, index: Value, sparse_grad: bool) -> Value:
    """
    gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor

    NNAPI's GATHER is ``index_select``; here each element has a position of its own, in the flat tensor.
    """
    if not self.rank:
        return nn.reshape(self, index.shape)
    sizes, shape = self.static_shape, index.static_shape or (1,)
    dim %= self.rank
    strides = [math.prod(sizes[one + 1 :]) for one in range(self.rank)]
    grid = np.indices(shape)
    others = sum(grid[one] * strides[one] for one in range(self.rank) if one != dim)
    along = known_positions(nn.reshape(index, shape), sizes[dim])
    at = linear_positions(nn, [along, nn.constant(others, torch.int32)], strides=[strides[dim], 1])
    flat = nn.reshape(self, (math.prod(sizes),))
    return nn.reshape(looked_up(nn, flat, 0, at), nn.out.shape)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
