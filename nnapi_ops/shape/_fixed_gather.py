"""Elements at fixed positions along a dimension: what slices, flips, rolls and paddings come down to."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from attrs import evolve, frozen

from nnapi_core.plugin import Context, Dim, Unsupported, Value, ops

# A concatenation of more pieces than this is no replacement for GATHER, which comes with level 29.
_MOST_PIECES = 64


@frozen
class Run:
    """``count`` positions from ``start`` on, ``step`` apart: backwards where it is negative."""

    start: int
    count: int
    step: int = 1


def picked(nn: Context, value: Value, dim: int, positions: Sequence[int]) -> Value:
    """The elements at ``positions`` along ``dim``, in this order; each may occur any number of times."""
    runs = runs_of(positions)
    few = len(runs) <= 3 and value.dtype.is_floating_point
    if len(runs) == 1 or few or nn.level < 29:
        if len(runs) > _MOST_PIECES:
            raise Unsupported("so many separate positions need GATHER, of feature level 29")
        return joined(nn, [sliced(nn, value, dim, run) for run in runs], dim)
    return gathered(nn, value, dim, nn.constant(np.array(positions), torch.int32))


def sliced(nn: Context, value: Value, dim: int, run: Run) -> Value:
    """The elements of one run of positions along ``dim``."""
    size = value.shape[dim] if value.rank else 1
    if run == Run(0, size):  # type: ignore[arg-type]
        return value
    if value.dtype not in (torch.int32, torch.int64):
        return nn.carried([value], lambda v: _strided_slice(nn, v[0], dim, run))
    if run.step == 1:
        return _slice(nn, value, dim, run)
    positions = run.start + run.step * np.arange(run.count)
    return gathered(nn, value, dim, nn.constant(positions, torch.int32))


def gathered(nn: Context, value: Value, dim: int, index: Value) -> Value:
    """The elements at the positions that a 1-D tensor of integers holds."""
    if value.dtype is torch.bool:
        return nn.carried([value], lambda v: gathered(nn, v[0], dim, index))
    view, axis = addressable(nn, value, dim)
    length = index.shape[0]
    result = nn.emit(
        ops.GATHER,
        input=view,
        axis=view.axis(axis),
        indices=index,
        shape=resized(view.shape, axis, length),
    ).bounded(value.bounds)
    return nn.reshape(result, resized(value.shape, dim, length))


def joined(nn: Context, pieces: Sequence[Value], dim: int) -> Value:
    """``torch.cat`` of tensors of one dtype that lie in one order."""
    if len(pieces) == 1:
        return pieces[0]
    return nn.carried(pieces, lambda values: _concatenated(nn, values, dim))


def addressable(nn: Context, value: Value, dim: int, *, always: bool = False) -> tuple[Value, int]:
    """The value, or a view of it, with ``dim`` as a dimension that NNAPI sees, and which one that is.

    Above rank 4 the leading dimensions are one to NNAPI; the view has three: before ``dim``, itself, and after.
    ``always`` asks for the view.
    """
    dim %= max(value.rank, 1)
    if not always and (value.rank <= 4 or dim > value.rank - 4):
        return value, dim
    sizes = value.static_shape
    shape = (math.prod(sizes[:dim]), sizes[dim], math.prod(sizes[dim + 1 :]))
    return nn.reshape(value, shape), 1


def resized(shape: Sequence[Dim], dim: int, size: Dim) -> tuple[Dim, ...]:
    """``shape`` with another size in one place."""
    dim %= len(shape)
    return (*shape[:dim], size, *shape[dim + 1 :])


def fixed_size(value: Value, dim: int) -> int:
    """The size of ``dim``, along which positions are counted; refused where it is free."""
    size = value.shape[dim]
    if not isinstance(size, int):
        raise Unsupported("positions along a free dimension", dim=dim)
    return size


def runs_of(positions: Sequence[int]) -> list[Run]:
    """Positions as the fewest runs that a scan from the left finds."""
    runs: list[Run] = []
    start = 0
    while start < len(positions):
        end = start + 1
        step = positions[end] - positions[start] if end < len(positions) else 1
        while step and end < len(positions) and positions[end] - positions[end - 1] == step:
            end += 1
        if end - start == 2 and abs(step) > 1:
            end -= 1  # two positions that happen to lie apart are no run
        runs.append(Run(positions[start], end - start, step if end - start > 1 else 1))
        start = end
    return runs


def _strided_slice(nn: Context, value: Value, dim: int, run: Run) -> Value:
    view, axis = addressable(nn, value, dim)
    index = view.axis(axis).index
    end = run.start + (run.count - 1) * run.step + (1 if run.step > 0 else -1)
    rank = len(view.spec.stored_dims)
    others = sum(1 << one for one in range(rank) if one != index)
    result = nn.emit(
        ops.STRIDED_SLICE,
        input=view,
        begin=[run.start if one == index else 0 for one in range(rank)],
        end=[max(end, 0) if one == index else 0 for one in range(rank)],
        strides=[run.step if one == index else 1 for one in range(rank)],
        begin_mask=others,
        # Backwards to the first element, the end is what the mask means: there is no number for it.
        end_mask=others | (1 << index if end < 0 else 0),
        shrink_axis_mask=0,
        shape=resized(view.shape, axis, run.count),
    )
    return nn.reshape(result, resized(value.shape, dim, run.count))


def _slice(nn: Context, value: Value, dim: int, run: Run) -> Value:
    view, axis = addressable(nn, value, dim)
    index = view.axis(axis).index
    rank = len(view.spec.stored_dims)
    result = nn.emit(
        ops.SLICE,
        input=view,
        begin=[run.start if one == index else 0 for one in range(rank)],
        size=[run.count if one == index else -1 for one in range(rank)],
        shape=resized(view.shape, axis, run.count),
    ).bounded(value.bounds)
    return nn.reshape(result, resized(value.shape, dim, run.count))


def _concatenated(nn: Context, pieces: Sequence[Value], dim: int) -> Value:
    views, axes = zip(*(addressable(nn, piece, dim) for piece in pieces), strict=True)
    axis = axes[0]
    length = 0
    for piece in pieces:
        size = piece.shape[dim]
        if not isinstance(size, int):
            raise Unsupported("joining along a free dimension", dim=dim)
        length += size
    result = nn.emit(
        ops.CONCATENATION,
        input=list(views),
        axis=views[0].axis(axis),
        out=evolve(views[0].spec, shape=resized(views[0].shape, axis, length)),
    )
    return nn.reshape(result, resized(pieces[0].shape, dim, length))
