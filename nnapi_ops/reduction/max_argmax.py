"""The largest and the smallest elements over dimensions, and where they are."""

from __future__ import annotations

import torch

from nnapi_core.plugin import (
    Bounds,
    Context,
    Layout,
    Lowering,
    OperationSpec,
    Order,
    Unsupported,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.reduction._reduce_dims import Dims, dims_of, reduced
from nnapi_ops.reduction.sum_mean_prod import SMALL_INTEGERS
from nnapi_ops.shape._fixed_gather import addressable

aten = torch.ops.aten


@lowering(aten.amax.default, layout=Layout.ANY, limitations=[SMALL_INTEGERS])
def amax(nn: Context, self: Value, dim: Dims, keepdim: bool) -> Value:
    """amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor"""
    return extreme(nn, ops.REDUCE_MAX, self, dim, keepdim)


@lowering(aten.amin.default, layout=Layout.ANY, limitations=[SMALL_INTEGERS])
def amin(nn: Context, self: Value, dim: Dims, keepdim: bool) -> Value:
    """amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor"""
    return extreme(nn, ops.REDUCE_MIN, self, dim, keepdim)


@lowering(aten.max.default, layout=Layout.ANY, limitations=[SMALL_INTEGERS])
def max_of_all(nn: Context, self: Value) -> Value:
    """max(Tensor self) -> Tensor"""
    return extreme(nn, ops.REDUCE_MAX, self, None, False)


@lowering(aten.min.default, layout=Layout.ANY, limitations=[SMALL_INTEGERS])
def min_of_all(nn: Context, self: Value) -> Value:
    """min(Tensor self) -> Tensor"""
    return extreme(nn, ops.REDUCE_MIN, self, None, False)


@lowering(aten.max.dim, layout=Layout.ANY, limitations=[SMALL_INTEGERS])
def max(nn: Context, self: Value, dim: int, keepdim: bool) -> tuple[Value, Value]:
    """max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)"""
    values = extreme(nn, ops.REDUCE_MAX, self, dim, keepdim)
    return values, _position(nn, ops.ARGMAX, self, dim, nn.outs[1].static_shape)


@lowering(aten.min.dim, layout=Layout.ANY, limitations=[SMALL_INTEGERS])
def min(nn: Context, self: Value, dim: int, keepdim: bool) -> tuple[Value, Value]:
    """min.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)"""
    values = extreme(nn, ops.REDUCE_MIN, self, dim, keepdim)
    return values, _position(nn, ops.ARGMIN, self, dim, nn.outs[1].static_shape)


@lowering(aten.aminmax.default, layout=Layout.ANY, limitations=[SMALL_INTEGERS])
def aminmax(nn: Context, self: Value, dim: int | None, keepdim: bool) -> tuple[Value, Value]:
    """aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)"""
    least = extreme(nn, ops.REDUCE_MIN, self, dim, keepdim)
    return least, extreme(nn, ops.REDUCE_MAX, self, dim, keepdim)


@lowering(aten.argmax.default, layout=Layout.ANY)
def argmax(nn: Context, self: Value, dim: int | None, keepdim: bool) -> Value:
    """argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor"""
    return _position(nn, ops.ARGMAX, self, dim, nn.out.static_shape)


@lowering(aten.argmin.default, layout=Layout.ANY)
def argmin(nn: Context, self: Value, dim: int | None, keepdim: bool) -> Value:
    """argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor"""
    return _position(nn, ops.ARGMIN, self, dim, nn.out.static_shape)


def extreme(nn: Context, spec: OperationSpec, value: Value, dim: Dims, keepdim: bool) -> Value:
    """REDUCE_MAX or REDUCE_MIN, of integers too where floats hold them."""
    dims, dtype = dims_of(value, dim), value.dtype
    if dtype.is_floating_point or value.quant is not None:
        return reduced(nn, spec, value, dims, keepdim).bounded(value.bounds)
    if not value.bounds.exact_in_float32:
        raise Unsupported("NNAPI reduces floats, which do not hold all integers beyond 2**24")
    result = reduced(nn, spec, nn.cast(value, torch.float32), dims, keepdim)
    return nn.cast(result.bounded(value.bounds), dtype)


def _position(
    nn: Context, spec: OperationSpec, value: Value, dim: int | None, shape: tuple[int, ...]
) -> Value:
    """Where the extreme is along ``dim``; the first of equal ones, as in torch. ``shape`` is the result's."""
    if value.dtype is torch.bool:
        value = nn.cast(value, torch.int32)
    if dim is None:
        value, dim = nn.reshape(value, (value.spec.count,)), 0
    view, axis = addressable(nn, value, dim, always=value.rank > 4)
    kept = [one for one in view.order.permutation(view.rank) if one != axis]
    if kept != sorted(kept):
        view = nn.arrange(view, Order.TORCH)
        kept.sort()
    sizes = view.static_shape or (1,)
    position = nn.emit(
        spec, input=view, axis=view.axis(axis), shape=[sizes[one] for one in kept]
    ).bounded(Bounds(0, sizes[axis] - 1))
    return nn.reshape(position, shape)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
