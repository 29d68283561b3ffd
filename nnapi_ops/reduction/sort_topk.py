"""The largest elements in order, and where they are."""

from __future__ import annotations

import torch
from attrs import evolve

from nnapi_core.plugin import (
    Bounds,
    Context,
    Layout,
    Limitation,
    Lowering,
    Order,
    Unsupported,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.arithmetic.add_sub_mul import minus, negative
from nnapi_ops.shape._fixed_gather import Run, sliced

aten = torch.ops.aten

_TIES = Limitation(
    "of equal floating-point elements, topk finds those with the larger positions first, as NNAPI does; "
    "torch leaves it open. Positions of integers and booleans, which are often equal, are refused"
)


def _refuse_ties(nn: Context, value: Value) -> None:
    """Which of equal elements comes first is torch's secret where the sort is not stable."""
    if nn.wanted[1] and not value.dtype.is_floating_point:
        raise Unsupported(
            "positions of equal integers are not in torch's order; use torch.sort(stable=True)",
            dtype=value.dtype,
        )


@lowering(aten.topk.default, layout=Layout.ANY, limitations=[_TIES])
def topk(
    nn: Context, self: Value, k: int, dim: int, largest: bool, sorted: bool
) -> tuple[Value, Value]:
    """topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)"""
    _refuse_ties(nn, self)
    moved = _dim_last(nn, self, dim)
    values, indices = _top(nn, moved if largest else _reversed_order(nn, moved), k)
    values = values if largest else _reversed_order(nn, values)
    return _dim_back(nn, values, self, dim), _dim_back(nn, indices, self, dim)


@lowering(aten.sort.default, aten.sort.stable, layout=Layout.ANY)
def sort(
    nn: Context, self: Value, dim: int, descending: bool, stable: bool | None = None
) -> tuple[Value, Value]:
    """
    sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)
    sort.stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)

    NNAPI orders equal elements by falling position, so what it finds is stable when read backwards; a descending
    sort reads the elements backwards first.
    """
    if not self.rank:
        return self, nn.constant(0, torch.int32)
    if not stable:
        _refuse_ties(nn, self)
    moved = _dim_last(nn, self, dim)
    length = moved.static_shape[-1]
    backwards = Run(length - 1, length, -1)
    if descending:
        values, indices = _top(nn, sliced(nn, moved, -1, backwards), length)
        last = nn.constant(length - 1, torch.int32)
        indices = minus(nn, last, indices)
    else:
        values, indices = _top(nn, moved, length)
        values, indices = (sliced(nn, one, -1, backwards) for one in (values, indices))
    return _dim_back(nn, values, self, dim), _dim_back(nn, indices, self, dim)


def _top(nn: Context, value: Value, count: int) -> tuple[Value, Value]:
    """The ``count`` largest along the last dimension, and their positions."""
    if value.dtype is torch.bool:
        values, indices = _top(nn, nn.cast(value, torch.int32), count)
        return nn.cast(values, torch.bool), indices
    shape = (*value.shape[:-1], count) if value.rank else ()
    spec = evolve(value.spec, shape=shape)
    places = evolve(spec, dtype=torch.int32, quant=None)
    values, indices = nn.emit_many(ops.TOPK_V2, outs=[spec, places], input=value, k=count)
    length = int(value.static_shape[-1]) if value.rank else 1
    return values.bounded(value.bounds), indices.bounded(Bounds(0, length - 1))


def _reversed_order(nn: Context, value: Value) -> Value:
    """Numbers whose order is the opposite; twice, it is the same numbers."""
    if value.dtype.is_floating_point:
        return negative(nn, value)
    # Unlike the negative, -1 - x exists for the least integer.
    return minus(nn, nn.constant(-1, value.dtype), value)


def _dim_last(nn: Context, value: Value, dim: int) -> Value:
    if not value.rank:
        return value
    order = [one for one in range(value.rank) if one != dim % value.rank]
    return nn.arrange(nn.permute(value, [*order, dim % value.rank]), Order.TORCH)


def _dim_back(nn: Context, value: Value, like: Value, dim: int) -> Value:
    rank = like.rank
    if not rank:
        return value
    order = [one for one in range(rank) if one != dim % rank] + [dim % rank]
    return nn.permute(value, [order.index(one) for one in range(rank)])


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
