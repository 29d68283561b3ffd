"""Softmax and its logarithm."""

from __future__ import annotations

import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Lowering,
    OperationSpec,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.shape._fixed_gather import addressable

aten = torch.ops.aten


@lowering(aten.softmax.int, aten._softmax.default, layout=Layout.ANY)
def softmax(
    nn: Context,
    self: Value,
    dim: int,
    dtype: torch.dtype | None = None,
    half_to_float: bool = False,
) -> Value:
    """
    softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor
    _softmax(Tensor self, int dim, bool half_to_float) -> Tensor
    """
    return _along(nn, ops.SOFTMAX, self, dim)


@lowering(aten.log_softmax.int, aten._log_softmax.default, layout=Layout.ANY)
def log_softmax(
    nn: Context,
    self: Value,
    dim: int,
    dtype: torch.dtype | None = None,
    half_to_float: bool = False,
) -> Value:
    """
    log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor
    _log_softmax(Tensor self, int dim, bool half_to_float) -> Tensor
    """
    return _along(nn, ops.LOG_SOFTMAX, self, dim)


def _along(nn: Context, spec: OperationSpec, value: Value, dim: int) -> Value:
    value = nn.cast(value, nn.out.dtype)
    if nn.level >= 29 or spec is not ops.SOFTMAX:
        view, axis = addressable(nn, value, dim)
        return nn.reshape(nn.emit(spec, input=view, beta=1.0, axis=view.axis(axis)), value.shape)
    # Before level 29 it works along the last dimension of two or four.
    rank = value.rank
    if rank == 4 and dim % rank == value.order.permutation(rank)[-1]:
        return nn.emit(spec, input=value, beta=1.0)
    length = value.static_shape[dim] if rank else 1
    last = [one for one in range(rank) if one != dim % rank] + ([dim % rank] if rank else [])
    moved = nn.permute(value, last)
    rows = nn.reshape(moved, (moved.spec.count // max(length, 1), length))
    result = nn.reshape(nn.emit(spec, input=rows, beta=1.0), moved.shape)
    return nn.permute(result, [last.index(one) for one in range(rank)])


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
