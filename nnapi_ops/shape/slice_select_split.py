"""Parts of a tensor."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from attrs import evolve

from nnapi_core.plugin import (
    Context,
    Layout,
    Lowering,
    Unsupported,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.shape._fixed_gather import Run, addressable, fixed_size, sliced

aten = torch.ops.aten


@lowering(aten.slice.Tensor, layout=Layout.ANY)
def slice_(
    nn: Context, self: Value, dim: int, start: int | None, end: int | None, step: int
) -> Value:
    """slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)"""
    return sliced(nn, self, dim, run_of(self, dim, start, end, step))


@lowering(aten.narrow.default, layout=Layout.ANY)
def narrow(nn: Context, self: Value, dim: int, start: int, length: int) -> Value:
    """narrow(Tensor(a) self, int dim, SymInt start, SymInt length) -> Tensor(a)"""
    size = fixed_size(self, dim)
    return sliced(nn, self, dim, Run(start % size if start < 0 else start, length))


@lowering(aten.select.int, layout=Layout.ANY)
def select(nn: Context, self: Value, dim: int, index: int) -> Value:
    """select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)"""
    size = fixed_size(self, dim)
    return nn.reshape(sliced(nn, self, dim, Run(index % size, 1)), nn.out.shape)


@lowering(aten.unbind.int, layout=Layout.ANY)
def unbind(nn: Context, self: Value, dim: int) -> tuple[Value, ...]:
    """unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]"""
    parts = _slices_of_sizes(nn, self, dim, [1] * fixed_size(self, dim))
    return tuple(nn.reshape(part, out.shape) for part, out in zip(parts, nn.outs, strict=True))


@lowering(
    aten.split.Tensor,
    aten.split.sizes,
    aten.split_with_sizes.default,
    aten.chunk.default,
    aten.tensor_split.sections,
    aten.tensor_split.indices,
    layout=Layout.ANY,
)
def split(nn: Context, self: Value, dim: int, **ignored: object) -> tuple[Value, ...]:
    """
    split.Tensor(Tensor(a -> *) self, SymInt split_size, int dim=0) -> Tensor(a)[]
    split.sizes(Tensor(a -> *) self, SymInt[] split_size, int dim=0) -> Tensor(a)[]
    split_with_sizes(Tensor(a -> *) self, SymInt[] split_sizes, int dim=0) -> Tensor(a)[]
    chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]
    tensor_split.sections(Tensor(a -> *) self, SymInt sections, int dim=0) -> Tensor(a)[]
    tensor_split.indices(Tensor(a -> *) self, SymInt[] indices, int dim=0) -> Tensor(a)[]
    """
    return _slices_of_sizes(nn, self, dim, [out.static_shape[dim] for out in nn.outs])


def halves(nn: Context, value: Value, dim: int) -> tuple[Value, Value]:
    """The first and the second half along ``dim``."""
    size = fixed_size(value, dim)
    first, second = _slices_of_sizes(nn, value, dim, [size // 2, size // 2])
    return first, second


def run_of(value: Value, dim: int, start: int | None, end: int | None, step: int) -> Run:
    """The positions that Python's ``start:end:step`` names along ``dim``."""
    for number in (start, end, step):
        if number is not None and not isinstance(number, int):
            raise Unsupported("a slice between positions that are known only when the model runs")
    positions = range(*slice(start, end, step).indices(fixed_size(value, dim)))
    return Run(positions.start, len(positions), step)


def _slices_of_sizes(
    nn: Context, value: Value, dim: int, sizes: Sequence[int]
) -> tuple[Value, ...]:
    if nn.level >= 29 and len(set(sizes)) == 1 < len(sizes) and value.dtype is not torch.bool:
        return _split_equally(nn, value, dim, len(sizes))
    starts = [sum(sizes[:position]) for position in range(len(sizes))]
    return tuple(
        sliced(nn, value, dim, Run(start, size)) for start, size in zip(starts, sizes, strict=True)
    )


def _split_equally(nn: Context, value: Value, dim: int, count: int) -> tuple[Value, ...]:
    view, axis = addressable(nn, value, dim)
    shape = list(view.static_shape)
    shape[axis] //= count
    parts = nn.emit_many(
        ops.SPLIT,
        outs=[evolve(view.spec, shape=tuple(shape))] * count,
        input=view,
        axis=view.axis(axis),
        num_splits=count,
    )
    whole = list(value.static_shape)
    whole[dim] //= count
    return tuple(nn.reshape(part.bounded(value.bounds), whole) for part in parts)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
