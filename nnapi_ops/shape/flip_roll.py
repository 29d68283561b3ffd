"""The elements along a dimension in another order."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from nnapi_core.plugin import Context, Layout, Lowering, Value, hookimpl, lowering, lowerings_of
from nnapi_ops.shape._fixed_gather import Run, fixed_size, picked, sliced

aten = torch.ops.aten


@lowering(aten.flip.default, layout=Layout.ANY)
def flip(nn: Context, self: Value, dims: Sequence[int]) -> Value:
    """flip(Tensor self, int[] dims) -> Tensor"""
    result = self
    for dim in dims:
        size = fixed_size(self, dim) if self.rank else 1
        result = sliced(nn, result, dim, Run(size - 1, size, -1)) if size > 1 else result
    return result


@lowering(aten.roll.default, layout=Layout.ANY)
def roll(nn: Context, self: Value, shifts: Sequence[int], dims: Sequence[int]) -> Value:
    """roll(Tensor self, SymInt[1] shifts, int[1] dims=[]) -> Tensor"""
    if not dims:
        flat = nn.reshape(self, (self.spec.count,))
        return nn.reshape(_rolled(nn, flat, shifts[0], 0), self.shape)
    result = self
    for shift, dim in zip(shifts, dims, strict=True):
        result = _rolled(nn, result, shift, dim)
    return result


def _rolled(nn: Context, value: Value, shift: int, dim: int) -> Value:
    size = fixed_size(value, dim)
    return picked(nn, value, dim, [(position - shift) % size for position in range(size)])


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
