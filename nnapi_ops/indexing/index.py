"""Indexing by tensors, as ``x[i, :, j]`` has it."""

from __future__ import annotations

import math
from collections.abc import Sequence

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
)
from nnapi_ops.indexing._gather import linear_positions, looked_up, positions

aten = torch.ops.aten

NO_MASKS = Limitation(
    "masks that the model computes: the number of results is known only when it runs"
)


@lowering(aten.index.Tensor, aten._unsafe_index.Tensor, layout=Layout.TORCH, limitations=[NO_MASKS])
def index(nn: Context, self: Value, indices: Sequence[Value | None]) -> Value:
    """
    index.Tensor(Tensor self, Tensor?[] indices) -> Tensor
    _unsafe_index.Tensor(Tensor self, Tensor?[] indices) -> Tensor
    """
    dims, parts = indexed(nn, self, indices)
    if not dims:
        return self
    shape = list(self.static_shape)
    sizes = [shape[dim] for dim in dims]
    strides = [math.prod(sizes[one + 1 :]) for one in range(len(sizes))]
    at = linear_positions(nn, parts, strides)
    adjacent = dims == list(range(dims[0], dims[-1] + 1))
    if not adjacent:
        # As in numpy, the dimensions of the indices come first where they have no one place to go.
        rest = [dim for dim in range(self.rank) if dim not in dims]
        self = nn.permute(self, [*dims, *rest])
        shape = [shape[dim] for dim in (*dims, *rest)]
    first = dims[0] if adjacent else 0
    merged = [*shape[:first], math.prod(sizes), *shape[first + len(dims) :]]
    return nn.reshape(looked_up(nn, nn.reshape(self, merged), first, at), nn.out.shape)


def indexed(
    nn: Context, value: Value, indices: Sequence[Value | None]
) -> tuple[list[int], list[Value]]:
    """The dimensions that are indexed, and the positions in each; constant masks become positions."""
    dims: list[int] = []
    parts: list[Value] = []
    dim = 0
    for one in indices:
        if one is None:
            dim += 1
            continue
        found = [one]
        if one.dtype is torch.bool:
            if not one.is_constant:
                raise Unsupported(
                    "a mask that the model computes: how much it selects is not known before"
                )
            found = [nn.constant(places, torch.int32) for places in np.nonzero(one.array())]
        for part in found:
            parts.append(positions(nn, part, value.static_shape[dim]))
            dims.append(dim)
            dim += 1
    return dims, parts


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
