"""Logic of booleans. Integers have no bit operations in NNAPI."""

from __future__ import annotations

import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Limitation,
    Lowering,
    OperationSpec,
    Unsupported,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.arithmetic import minus
from nnapi_ops.promotion import Number, operand

aten = torch.ops.aten

_NO_BITS = Limitation("bits of integers: NNAPI has no operations on them")


@lowering(aten.logical_and.default, layout=Layout.SAME)
def logical_and(nn: Context, self: Value, other: Value) -> Value:
    """logical_and(Tensor self, Tensor other) -> Tensor"""
    return _joined(nn, ops.LOGICAL_AND, self, other)


@lowering(aten.logical_or.default, layout=Layout.SAME)
def logical_or(nn: Context, self: Value, other: Value) -> Value:
    """logical_or(Tensor self, Tensor other) -> Tensor"""
    return _joined(nn, ops.LOGICAL_OR, self, other)


@lowering(aten.logical_xor.default, layout=Layout.SAME)
def logical_xor(nn: Context, self: Value, other: Value) -> Value:
    """logical_xor(Tensor self, Tensor other) -> Tensor"""
    return _joined(nn, ops.NOT_EQUAL, self, other)


@lowering(aten.logical_not.default, layout=Layout.ANY)
def logical_not(nn: Context, self: Value) -> Value:
    """logical_not(Tensor self) -> Tensor"""
    if self.dtype is torch.bool:
        return nn.emit(ops.LOGICAL_NOT, input=self)
    return nn.emit(ops.EQUAL, a=self, b=nn.constant(0, self.dtype))


@lowering(
    aten.bitwise_and.Tensor,
    aten.bitwise_and.Scalar,
    aten.__and__.Tensor,
    aten.__and__.Scalar,
    layout=Layout.SAME,
    limitations=[_NO_BITS],
)
def bitwise_and(nn: Context, self: Value, other: Value | Number) -> Value:
    """
    bitwise_and.Tensor(Tensor self, Tensor other) -> Tensor
    bitwise_and.Scalar(Tensor self, Scalar other) -> Tensor
    __and__.Tensor(Tensor self, Tensor other) -> Tensor
    __and__.Scalar(Tensor self, Scalar other) -> Tensor
    """
    return _bitwise(nn, ops.LOGICAL_AND, self, other)


@lowering(
    aten.bitwise_or.Tensor,
    aten.bitwise_or.Scalar,
    aten.__or__.Tensor,
    aten.__or__.Scalar,
    layout=Layout.SAME,
    limitations=[_NO_BITS],
)
def bitwise_or(nn: Context, self: Value, other: Value | Number) -> Value:
    """
    bitwise_or.Tensor(Tensor self, Tensor other) -> Tensor
    bitwise_or.Scalar(Tensor self, Scalar other) -> Tensor
    __or__.Tensor(Tensor self, Tensor other) -> Tensor
    __or__.Scalar(Tensor self, Scalar other) -> Tensor
    """
    return _bitwise(nn, ops.LOGICAL_OR, self, other)


@lowering(
    aten.bitwise_xor.Tensor,
    aten.bitwise_xor.Scalar,
    aten.__xor__.Tensor,
    aten.__xor__.Scalar,
    layout=Layout.SAME,
    limitations=[_NO_BITS],
)
def bitwise_xor(nn: Context, self: Value, other: Value | Number) -> Value:
    """
    bitwise_xor.Tensor(Tensor self, Tensor other) -> Tensor
    bitwise_xor.Scalar(Tensor self, Scalar other) -> Tensor
    __xor__.Tensor(Tensor self, Tensor other) -> Tensor
    __xor__.Scalar(Tensor self, Scalar other) -> Tensor
    """
    return _bitwise(nn, ops.NOT_EQUAL, self, other)


@lowering(aten.bitwise_not.default, layout=Layout.ANY)
def bitwise_not(nn: Context, self: Value) -> Value:
    """
    bitwise_not(Tensor self) -> Tensor

    Of an integer, it is ``-1 - self``.
    """
    if self.dtype is torch.bool:
        return nn.emit(ops.LOGICAL_NOT, input=self)
    return minus(nn, nn.constant(-1, self.dtype), self)


def _joined(nn: Context, spec: OperationSpec, a: Value, b: Value) -> Value:
    return nn.emit(spec, a=nn.cast(a, torch.bool), b=nn.cast(b, torch.bool))


def _bitwise(nn: Context, spec: OperationSpec, a: Value, b: Value | Number) -> Value:
    if nn.out.dtype is not torch.bool:
        raise Unsupported("NNAPI has no operations on the bits of integers", dtype=nn.out.dtype)
    return nn.emit(spec, a=a, b=operand(nn, b, torch.bool))


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
