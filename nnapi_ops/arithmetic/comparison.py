"""Comparisons."""

from __future__ import annotations

import math
from collections.abc import Callable

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
from nnapi_ops.arithmetic._type_promotion import Number, common_dtype, operand

aten = torch.ops.aten


def _comparison(packet: torch._ops.OpOverloadPacket, spec: OperationSpec) -> Callable[..., Value]:
    """The lowering of a comparison with a tensor or a number."""

    def compare(nn: Context, self: Value, other: Value | Number) -> Value:
        dtype = common_dtype(self, other)
        return nn.emit(spec, a=operand(nn, self, dtype), b=operand(nn, other, dtype))

    name = compare.__name__ = packet.__name__
    compare.__doc__ = f"""
    {name}.Tensor(Tensor self, Tensor other) -> Tensor
    {name}.Scalar(Tensor self, Scalar other) -> Tensor
    """
    return lowering(packet.Tensor, packet.Scalar, layout=Layout.SAME)(compare)


eq = _comparison(aten.eq, ops.EQUAL)
ne = _comparison(aten.ne, ops.NOT_EQUAL)
lt = _comparison(aten.lt, ops.LESS)
le = _comparison(aten.le, ops.LESS_EQUAL)
gt = _comparison(aten.gt, ops.GREATER)
ge = _comparison(aten.ge, ops.GREATER_EQUAL)


@lowering(aten.isnan.default, layout=Layout.ANY)
def isnan(nn: Context, self: Value) -> Value:
    """isnan(Tensor self) -> Tensor"""
    if not self.dtype.is_floating_point:
        return nn.full(self, False, torch.bool)
    return nn.emit(ops.NOT_EQUAL, a=self, b=self)


@lowering(aten.isinf.default, layout=Layout.ANY)
def isinf(nn: Context, self: Value) -> Value:
    """isinf(Tensor self) -> Tensor"""
    if not self.dtype.is_floating_point:
        return nn.full(self, False, torch.bool)
    size = nn.emit(ops.ABS, input=self)
    return nn.emit(ops.EQUAL, a=size, b=nn.filled(self, math.inf))


@lowering(aten.isfinite.default, layout=Layout.ANY)
def isfinite(nn: Context, self: Value) -> Value:
    """isfinite(Tensor self) -> Tensor"""
    if not self.dtype.is_floating_point:
        return nn.full(self, True, torch.bool)
    size = nn.emit(ops.ABS, input=self)
    return nn.emit(ops.LESS, a=size, b=nn.filled(self, math.inf))


@lowering(aten.isposinf.default, layout=Layout.ANY)
def isposinf(nn: Context, self: Value) -> Value:
    """isposinf(Tensor self) -> Tensor"""
    return _equals(nn, self, math.inf)


@lowering(aten.isneginf.default, layout=Layout.ANY)
def isneginf(nn: Context, self: Value) -> Value:
    """isneginf(Tensor self) -> Tensor"""
    return _equals(nn, self, -math.inf)


def _equals(nn: Context, value: Value, number: float) -> Value:
    if not value.dtype.is_floating_point:
        return nn.full(value, False, torch.bool)
    return nn.emit(ops.EQUAL, a=value, b=nn.filled(value, number))


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
