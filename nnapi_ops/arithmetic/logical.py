"""Logic of booleans. Integers have no bit operations in NNAPI."""

from __future__ import annotations

from collections.abc import Callable

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
from nnapi_ops.arithmetic._type_promotion import Number, operand
from nnapi_ops.arithmetic.add_sub_mul import minus

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


def _bitwise(
    packet: torch._ops.OpOverloadPacket, dunder: torch._ops.OpOverloadPacket, spec: OperationSpec
) -> Callable[..., Value]:
    """The lowering of a bitwise operator by its two names."""

    def bitwise(nn: Context, self: Value, other: Value | Number) -> Value:
        if nn.out.dtype is not torch.bool:
            raise Unsupported("NNAPI has no operations on the bits of integers", dtype=nn.out.dtype)
        return nn.emit(spec, a=self, b=operand(nn, other, torch.bool))

    name, other = packet.__name__, dunder.__name__
    bitwise.__name__ = name
    bitwise.__doc__ = f"""
    {name}.Tensor(Tensor self, Tensor other) -> Tensor
    {name}.Scalar(Tensor self, Scalar other) -> Tensor
    {other}.Tensor(Tensor self, Tensor other) -> Tensor
    {other}.Scalar(Tensor self, Scalar other) -> Tensor
    """
    overloads = [getattr(one, form) for one in (packet, dunder) for form in ("Tensor", "Scalar")]
    return lowering(*overloads, layout=Layout.SAME, limitations=[_NO_BITS])(bitwise)


bitwise_and = _bitwise(aten.bitwise_and, aten.__and__, ops.LOGICAL_AND)
bitwise_or = _bitwise(aten.bitwise_or, aten.__or__, ops.LOGICAL_OR)
bitwise_xor = _bitwise(aten.bitwise_xor, aten.__xor__, ops.NOT_EQUAL)


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


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
