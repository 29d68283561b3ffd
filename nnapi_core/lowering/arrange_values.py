"""Where a value lies: shapes, orders of dimensions and permutations, by as few operations as there are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from attrs import evolve

from nnapi_core.errors import Unsupported
from nnapi_core.lowering.casts import carried
from nnapi_core.lowering.emitter import Emitter
from nnapi_core.lowering.merge_dimensions import Repetition
from nnapi_core.lowering.split_transposes import transposes
from nnapi_core.lowering.value import TensorSpec, Value
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.layout import Order, compose, invert
from nnapi_core.nnapi.opset import OperationSpec, ops
from nnapi_core.nnapi.types import Dim, OperandCode

# Below level 29 there is no TILE; a concatenation of more copies than this is no replacement.
MOST_COPIES = 64


def align(nn: Emitter, value: Value, order: Order, rank: int) -> Value:
    """``value`` as an operand that broadcasts against one of ``rank`` in ``order``."""
    if order is Order.CHANNELS_LAST and rank == 4 and value.rank < 4:
        if value.is_constant and value.spec.count == 1:
            return value
        whole = evolve(value.spec, shape=(1,) * (4 - value.rank) + tuple(value.shape))
        if not value.is_constant and _stays(whole.shape, order.permutation(4)):
            return _reinterpret(nn, value, evolve(whole, order=order))
        value = reshape(nn, value, whole.shape)
    return arrange(nn, value, order) if value.rank == 4 else value


def arrange(nn: Emitter, value: Value, order: Order) -> Value:
    """``value`` lying in ``order``; free for a constant."""
    if value.order is order or value.rank != 4:
        return value
    if value.is_constant:
        return value.in_order(order)
    moved = compose(order.permutation(4), invert(value.order.permutation(4)))
    spec = evolve(value.spec, order=order)
    if _stays(value.spec.type.dims, moved):
        return _reinterpret(nn, value, spec)
    return _emit_transpose(nn, value, moved, spec)


def _reinterpret(nn: Emitter, value: Value, spec: TensorSpec) -> Value:
    """The same bytes under another shape or order."""
    if spec.type == value.spec.type:
        return evolve(value, spec=spec)
    dims = [dim if isinstance(dim, int) else -1 for dim in spec.type.dims]
    if dims.count(-1) > 1:
        raise Unsupported("more than one free dimension in a reshape")
    if spec.code is OperandCode.TENSOR_INT32:
        if nn.level >= 1000006:
            return _emit_move(nn, ops.RESHAPE, value, spec, shape=dims)
        if (grown := _grown(nn, value, spec)) is not None:
            return grown
    return carried(nn, [value], lambda one: _emit_move(nn, ops.RESHAPE, one[0], spec, shape=dims))


def _grown(nn: Emitter, value: Value, spec: TensorSpec) -> Value | None:
    """A reshape of integers from one dimension, or one that adds dimensions of size 1.

    There are operations for these that take integers; None for any other.
    """
    here, there = list(value.spec.type.dims), list(spec.type.dims)
    if len(here) == 1 and spec.is_static:
        indices = nn.constant(np.arange(spec.count).reshape(there), torch.int32)
        return _emit_move(nn, ops.GATHER, value, spec, axis=0, indices=indices)
    for axis, size in enumerate(there):
        if axis < len(here) and here[axis] == size:
            continue
        if size != 1:
            return None
        here.insert(axis, 1)
        step = evolve(value.spec, shape=tuple(here), order=Order.TORCH)
        value = _emit_move(nn, ops.EXPAND_DIMS, value, step, axis=axis)
    return evolve(value, spec=evolve(spec, dtype=value.dtype)) if here == there else None


def copied(nn: Emitter, value: Value) -> Value:
    """The same elements in an operand of their own."""
    dims = [dim if isinstance(dim, int) else -1 for dim in value.spec.type.dims]
    if value.dtype is torch.bool:
        return nn.emit_many(ops.LOGICAL_OR, outs=[value.spec], a=value, b=value)[0]
    if value.spec.code is OperandCode.TENSOR_INT32 and nn.level < 1000006:
        return nn.emit_many(ops.MAXIMUM, outs=[value.spec], a=value, b=value)[0]
    return _emit_move(nn, ops.RESHAPE, value, value.spec, shape=dims)


def _emit_transpose(
    nn: Emitter, value: Value, permutation: Sequence[int], spec: TensorSpec
) -> Value:
    move = list(permutation)
    return carried(
        nn, [value], lambda one: _emit_move(nn, ops.TRANSPOSE, one[0], spec, permutation=move)
    )


def _emit_move(
    nn: Emitter, operation: OperationSpec, value: Value, spec: TensorSpec, **operands: Any
) -> Value:
    """An operation whose result has the elements of ``value``, shape and order of ``spec``."""
    out = evolve(spec, dtype=value.dtype)
    moved = nn.emit_many(operation, outs=[out], input=value, **operands)[0]
    return evolve(moved, known=value.known)


def reshape(nn: Emitter, value: Value, shape: Sequence[Dim]) -> Value:
    """``torch.reshape``; the result lies as torch has it."""
    new = tuple(shape)
    if new == tuple(value.shape):
        return value
    wanted = evolve(value.spec, shape=new)
    if wanted.is_static and value.spec.is_static and wanted.count != value.spec.count:
        raise ValueError(f"{list(value.shape)} cannot be reshaped to {list(new)}")
    if value.is_constant:
        return value.reshaped(evolve(value.spec, shape=new).static_shape)
    plain = arrange(nn, value, Order.TORCH)
    return _reinterpret(nn, plain, evolve(plain.spec, shape=new, order=Order.TORCH))


def permute(nn: Emitter, value: Value, dims: Sequence[int]) -> Value:
    """``torch.permute``. Takes any order, and gives the one that needs no data to move if there is one."""
    if value.is_constant:
        return value.permuted(dims)
    rank = value.rank
    shape = tuple(value.shape[dim] for dim in dims)
    if rank > 4:
        return _permute_in_steps(nn, value, dims)
    here = value.order.permutation(rank)
    for order in (Order.TORCH, Order.CHANNELS_LAST)[: 2 if rank == 4 else 1]:
        moved = compose(compose(order.permutation(rank), tuple(dims)), invert(here))
        kept = [dim for dim in moved if value.spec.type.dims[dim] != 1]
        if kept == sorted(kept):
            return _reinterpret(nn, value, evolve(value.spec, shape=shape, order=order))
    moved = compose(tuple(dims), invert(here))
    return _emit_transpose(nn, value, moved, evolve(value.spec, shape=shape, order=Order.TORCH))


def repeat(nn: Emitter, value: Value, step: Repetition, out: Sequence[int]) -> Value:
    """``value`` repeated along dimensions of size 1 of it, for a broadcast to ``out``."""
    here = (1,) * (len(out) - value.rank) + value.static_shape
    shape = step.of(here, out)
    if isinstance(value.source, Constant):
        array = value.source.reshape(here).map(
            lambda array: np.broadcast_to(array, shape), key=("repeat", shape), shape=shape
        )
        return Value(evolve(value.spec, shape=shape, order=Order.TORCH), array)
    rows, count = math.prod(here[: step.start]), math.prod(out[step.start : step.end])
    if nn.level < 29 and count > MOST_COPIES:
        raise Unsupported("so many copies need TILE, of feature level 29", copies=count)
    row = reshape(nn, value, (rows, 1, math.prod(here[step.end :])))
    spec = evolve(row.spec, shape=(rows, count, *row.shape[2:]))

    def copies(one: list[Value]) -> Value:
        if nn.level >= 29:
            return _emit_move(nn, ops.TILE, one[0], spec, multiples=[1, count, 1])
        out = evolve(spec, dtype=one[0].dtype)
        (joined,) = nn.emit_many(ops.CONCATENATION, outs=[out], input=one * count, axis=1)
        return joined

    tiles_alike = nn.level >= 29 and value.dtype is not torch.bool
    return reshape(nn, copies([row]) if tiles_alike else carried(nn, [row], copies), shape)


def _permute_in_steps(nn: Emitter, value: Value, dims: Sequence[int]) -> Value:
    sizes = value.static_shape
    for step in transposes(sizes, dims):
        viewed = reshape(nn, value, step.shape)
        shape = tuple(step.shape[dim] for dim in step.permutation)
        spec = evolve(viewed.spec, shape=shape)
        value = _emit_transpose(nn, viewed, step.permutation, spec)
    return reshape(nn, value, [sizes[dim] for dim in dims])


def _stays(shape: Sequence[Dim], permutation: Sequence[int]) -> bool:
    """Only dimensions of size 1 move: the bytes stay where they are."""
    kept = [dim for dim in permutation if shape[dim] != 1]
    return kept == sorted(kept)
