"""Padding: with a number, with the edge, or with what lies on the other side of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
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
from nnapi_ops.shape._fixed_gather import Run, addressable, joined, picked, resized, sliced

aten = torch.ops.aten

_REFLECT = 0  # the mode of MIRROR_PAD that leaves out the edge


@lowering(aten.constant_pad_nd.default, layout=Layout.ANY)
def constant_pad_nd(nn: Context, self: Value, pad: Sequence[int], value: float) -> Value:
    """constant_pad_nd(Tensor self, SymInt[] pad, Scalar value=0) -> Tensor"""
    return padded(nn, self, _by_dim(self, pad), value)


@lowering(aten.pad.default, layout=Layout.ANY)
def pad(nn: Context, self: Value, pad: Sequence[int], mode: str, value: float | None) -> Value:
    """pad(Tensor self, SymInt[] pad, str mode="constant", float? value=None) -> Tensor"""
    widths = _by_dim(self, pad)
    match mode:
        case "constant":
            return padded(nn, self, widths, value or 0)
        case "reflect":
            return _reflected(nn, self, widths)
        case "replicate":
            return _positioned(nn, self, widths, _replicate)
        case "circular":
            return _positioned(nn, self, widths, _wrap)
    raise Unsupported("an unknown padding mode", mode=mode)


@lowering(
    aten.reflection_pad1d.default,
    aten.reflection_pad2d.default,
    aten.reflection_pad3d.default,
    layout=Layout.ANY,
)
def reflection_pad(nn: Context, self: Value, padding: Sequence[int]) -> Value:
    """
    reflection_pad1d(Tensor self, SymInt[2] padding) -> Tensor
    reflection_pad2d(Tensor self, SymInt[4] padding) -> Tensor
    reflection_pad3d(Tensor self, SymInt[6] padding) -> Tensor
    """
    return _reflected(nn, self, _by_dim(self, padding))


@lowering(
    aten.replication_pad1d.default,
    aten.replication_pad2d.default,
    aten.replication_pad3d.default,
    layout=Layout.ANY,
)
def replication_pad(nn: Context, self: Value, padding: Sequence[int]) -> Value:
    """
    replication_pad1d(Tensor self, SymInt[2] padding) -> Tensor
    replication_pad2d(Tensor self, SymInt[4] padding) -> Tensor
    replication_pad3d(Tensor self, SymInt[6] padding) -> Tensor
    """
    return _positioned(nn, self, _by_dim(self, padding), _replicate)


def padded(nn: Context, value: Value, widths: dict[int, tuple[int, int]], number: float) -> Value:
    """``number`` around ``value``; a negative width takes elements away."""
    for dim, (before, after) in widths.items():
        size = value.static_shape[dim]
        first, end = max(-before, 0), size - max(-after, 0)
        value = sliced(nn, value, dim, Run(first, end - first))
    widths = {dim: (max(before, 0), max(after, 0)) for dim, (before, after) in widths.items()}
    widths = {dim: width for dim, width in widths.items() if width != (0, 0)}
    if not widths:
        return value
    is_float = value.dtype.is_floating_point
    if value.rank > 4 or nn.level < (28 if number == 0 and is_float else 29):
        for dim, width in widths.items():
            value = _framed(nn, value, dim, width, number)
        return value
    if is_float:
        return _padded_floats(nn, value, widths, number)
    if value.dtype is torch.bool:
        floats = _padded_floats(nn, nn.cast(value, torch.float32), widths, bool(number))
        return nn.cast(floats, torch.bool)
    if number == 0:
        return nn.carried([value], lambda v: _padded_floats(nn, v[0], widths, 0))
    for dim, width in widths.items():
        value = _framed(nn, value, dim, width, number)
    return value


def _padded_floats(
    nn: Context, value: Value, widths: dict[int, tuple[int, int]], number: float
) -> Value:
    pairs = [widths.get(dim, (0, 0)) for dim in range(value.rank)]
    shape = [size + sum(pair) for size, pair in zip(value.static_shape, pairs, strict=True)]
    paddings = nn.constant(np.array(value.order.physical(pairs)), torch.int32)
    if number == 0:
        return nn.emit(ops.PAD, input=value, paddings=paddings, shape=shape)
    return nn.emit(ops.PAD_V2, input=value, paddings=paddings, value=float(number), shape=shape)


def _framed(nn: Context, value: Value, dim: int, width: tuple[int, int], number: float) -> Value:
    """The same by joining constants, for what PAD does not take."""
    view, axis = addressable(nn, value, dim)
    frame = [
        nn.full(evolve(view.spec, shape=resized(view.shape, axis, size)), number, value.dtype)
        for size in width
    ]
    pieces = [frame[0], view, frame[1]]
    kept = [piece for piece, size in zip(pieces, (width[0], 1, width[1]), strict=True) if size]
    size = value.static_shape[dim] + sum(width)
    return nn.reshape(joined(nn, kept, axis), resized(value.shape, dim, size))


def _reflected(nn: Context, value: Value, widths: dict[int, tuple[int, int]]) -> Value:
    mirrors = nn.level >= 1000007 and value.rank <= 4 and value.dtype is not torch.bool
    if not mirrors or any(width < 0 for pair in widths.values() for width in pair):
        return _positioned(nn, value, widths, _reflect)
    pairs = [widths.get(dim, (0, 0)) for dim in range(value.rank)]
    shape = [size + sum(pair) for size, pair in zip(value.static_shape, pairs, strict=True)]
    paddings = nn.constant(np.array(value.order.physical(pairs)), torch.int32)
    result = nn.emit(ops.MIRROR_PAD, input=value, paddings=paddings, mode=_REFLECT, shape=shape)
    return result.bounded(value.bounds)


def _positioned(
    nn: Context,
    value: Value,
    widths: dict[int, tuple[int, int]],
    position: Callable[[int, int], int],
) -> Value:
    """Padding whose elements are those of ``value`` at other positions."""
    for dim, (before, after) in widths.items():
        size = value.static_shape[dim]
        places = [position(place, size) for place in range(-before, size + after)]
        value = picked(nn, value, dim, places)
    return value


def _reflect(position: int, size: int) -> int:
    position = abs(position)
    return min(position, 2 * (size - 1) - position)


def _replicate(position: int, size: int) -> int:
    return min(max(position, 0), size - 1)


def _wrap(position: int, size: int) -> int:
    return position % size


def _by_dim(value: Value, pad: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Torch's list, which begins with the last dimension, as (before, after) by dimension."""
    return {
        value.rank - 1 - position: (pad[2 * position], pad[2 * position + 1])
        for position in range(len(pad) // 2)
        if pad[2 * position : 2 * position + 2] != [0, 0]
    }


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
