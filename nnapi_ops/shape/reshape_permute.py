"""The same elements under another shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Lowering,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
)

aten = torch.ops.aten


@lowering(
    aten.view.default,
    aten._unsafe_view.default,
    aten.reshape.default,
    aten.view_as.default,
    aten.reshape_as.default,
    aten.flatten.using_ints,
    aten.unflatten.int,
    aten.squeeze.default,
    aten.squeeze.dim,
    aten.squeeze.dims,
    aten.unsqueeze.default,
    layout=Layout.TORCH,
)
def reshape(nn: Context, self: Value, **ignored: Any) -> Value:
    """
    view(Tensor(a) self, SymInt[] size) -> Tensor(a)
    _unsafe_view(Tensor self, SymInt[] size) -> Tensor
    reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)
    view_as(Tensor(a) self, Tensor other) -> Tensor(a)
    reshape_as(Tensor(a) self, Tensor other) -> Tensor(a)
    flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)
    unflatten.int(Tensor(a) self, int dim, SymInt[] sizes) -> Tensor(a)
    squeeze(Tensor(a) self) -> Tensor(a)
    squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)
    squeeze.dims(Tensor(a) self, int[] dim) -> Tensor(a)
    unsqueeze(Tensor(a) self, int dim) -> Tensor(a)
    """
    return nn.reshape(self, nn.out.shape)


@lowering(
    aten.clone.default,
    aten.contiguous.default,
    aten.detach.default,
    aten.alias.default,
    aten.lift_fresh_copy.default,
    layout=Layout.ANY,
)
def same(nn: Context, self: Value, **ignored: Any) -> Value:
    """
    clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor
    contiguous(Tensor(a) self, *, MemoryFormat memory_format=0) -> Tensor(a)
    detach(Tensor(a) self) -> Tensor(a)
    alias(Tensor(a) self) -> Tensor(a)
    lift_fresh_copy(Tensor self) -> Tensor
    """
    return self


@lowering(aten.permute.default, layout=Layout.ANY)
def permute(nn: Context, self: Value, dims: Sequence[int]) -> Value:
    """permute(Tensor(a) self, int[] dims) -> Tensor(a)"""
    return nn.permute(self, [dim % self.rank for dim in dims])


@lowering(aten.transpose.int, layout=Layout.ANY)
def transpose(nn: Context, self: Value, dim0: int, dim1: int) -> Value:
    """transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)"""
    order = list(range(self.rank))
    if order:
        order[dim0], order[dim1] = order[dim1], order[dim0]
    return nn.permute(self, order)


@lowering(aten.t.default, aten.mT.default, layout=Layout.ANY)
def swap_last(nn: Context, self: Value) -> Value:
    """
    t(Tensor(a) self) -> Tensor(a)
    mT(Tensor(a) self) -> Tensor(a)
    """
    if self.rank < 2:
        return self
    return nn.permute(self, [*range(self.rank - 2), self.rank - 1, self.rank - 2])


@lowering(aten.movedim.int, aten.movedim.intlist, layout=Layout.ANY)
def movedim(
    nn: Context, self: Value, source: int | Sequence[int], destination: int | Sequence[int]
) -> Value:
    """
    movedim.int(Tensor(a) self, int source, int destination) -> Tensor(a)
    movedim.intlist(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)
    """
    moved = _dims(source, self.rank)
    target = dict(zip(_dims(destination, self.rank), moved, strict=True))
    rest = iter(dim for dim in range(self.rank) if dim not in moved)
    return nn.permute(
        self, [target[dim] if dim in target else next(rest) for dim in range(self.rank)]
    )


def _dims(dims: int | Sequence[int], rank: int) -> list[int]:
    given = [dims] if isinstance(dims, int) else list(dims)
    return [dim % rank for dim in given] if rank else []


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
