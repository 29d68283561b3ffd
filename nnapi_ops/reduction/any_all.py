"""Is any element true, are all?"""

from __future__ import annotations

import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Lowering,
    OperationSpec,
    Unsupported,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.reduction._reduce_dims import Dims, dims_of, reduced

aten = torch.ops.aten


@lowering(aten.any.default, aten.any.dim, aten.any.dims, layout=Layout.ANY)
def any(nn: Context, self: Value, dim: Dims = None, keepdim: bool = False) -> Value:
    """
    any(Tensor self) -> Tensor
    any.dim(Tensor self, int dim, bool keepdim=False) -> Tensor
    any.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor
    """
    return _truth(nn, ops.REDUCE_ANY, self, dim, keepdim)


@lowering(aten.all.default, aten.all.dim, aten.all.dims, layout=Layout.ANY)
def all(nn: Context, self: Value, dim: Dims = None, keepdim: bool = False) -> Value:
    """
    all(Tensor self) -> Tensor
    all.dim(Tensor self, int dim, bool keepdim=False) -> Tensor
    all.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor
    """
    return _truth(nn, ops.REDUCE_ALL, self, dim, keepdim)


def _truth(nn: Context, spec: OperationSpec, value: Value, dim: Dims, keepdim: bool) -> Value:
    if nn.out.dtype is not torch.bool:
        raise Unsupported("truth as another dtype than bool", dtype=nn.out.dtype)
    value = nn.cast(value, torch.bool)
    if isinstance(dim, list) and not dim and tuple(nn.out.shape) == tuple(value.shape):
        return value
    if value.rank <= 4:
        return reduced(nn, spec, value, dims_of(value, dim), keepdim)
    # A reshape, which the rank needs, would carry booleans as floats anyway.
    floats = nn.cast(value, torch.float32)
    extreme = ops.REDUCE_MAX if spec is ops.REDUCE_ANY else ops.REDUCE_MIN
    return nn.cast(reduced(nn, extreme, floats, dims_of(value, dim), keepdim), torch.bool)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
