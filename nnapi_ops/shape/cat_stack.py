"""Several tensors become one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_

import torch
from attrs import evolve

from nnapi_core.plugin import (
    Context,
    Layout,
    Lowering,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.shape._fixed_gather import joined, resized

aten = torch.ops.aten


@lowering(aten.cat.default, aten.concat.default, layout=Layout.SAME)
def cat(nn: Context, tensors: Sequence[Value], dim: int) -> Value:
    """
    cat(Tensor[] tensors, int dim=0) -> Tensor
    concat(Tensor[] tensors, int dim=0) -> Tensor
    """
    return joined(nn, [nn.cast(one, nn.out.dtype) for one in tensors if not one.is_empty], dim)


@lowering(aten.stack.default, layout=Layout.TORCH)
def stack(nn: Context, tensors: Sequence[Value], dim: int) -> Value:
    """stack(Tensor[] tensors, int dim=0) -> Tensor"""
    dtype, rank = nn.out.dtype, nn.out.rank
    parts = [nn.cast(one, dtype) for one in tensors]
    if nn.level >= 1000006 and rank <= 4 and dtype is not torch.bool and parts[0].rank:
        bounds = reduce(or_, (part.bounds for part in parts))
        packed = nn.emit(ops.PACK, input=parts, axis=dim % rank, out=evolve(nn.out, dtype=dtype))
        return packed.bounded(bounds)
    one = resized(nn.out.shape, dim, 1)
    return joined(nn, [nn.reshape(part, one) for part in parts], dim)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
