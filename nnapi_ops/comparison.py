"""Comparisons."""

from __future__ import annotations

import math

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
from nnapi_ops.promotion import Number, common_dtype, operand

aten = torch.ops.aten


@lowering(aten.eq.Tensor, aten.eq.Scalar, layout=Layout.SAME)
def eq(nn: Context, self: Value, other: Value | Number) -> Value:
    """
    eq.Tensor(Tensor self, Tensor other) -> Tensor
    eq.Scalar(Tensor self, Scalar other) -> Tensor
    """
    return _compared(nn, ops.EQUAL, self, other)


@lowering(aten.ne.Tensor, aten.ne.Scalar, layout=Layout.SAME)
def ne(nn: Context, self: Value, other: Value | Number) -> Value:
    """
    ne.Tensor(Tensor self, Tensor other) -> Tensor
    ne.Scalar(Tensor self, Scalar other) -> Tensor
    """
    return _compared(nn, ops.NOT_EQUAL, self, other)


@lowering(aten.lt.Tensor, aten.lt.Scalar, layout=Layout.SAME)
def lt(nn: Context, self: Value, other: Value | Number) -> Value:
    """
    lt.Tensor(Tensor self, Tensor other) -> Tensor
    lt.Scalar(Tensor self, Scalar other) -> Tensor
    """
    return _compared(nn, ops.LESS, self, other)


@lowering(aten.le.Tensor, aten.le.Scalar, layout=Layout.SAME)
def le(nn: Context, self: Value, other: Value | Number) -> Value:
    """
    le.Tensor(Tensor self, Tensor other) -> Tensor
    le.Scalar(Tensor self, Scalar other) -> Tensor
    """
    return _compared(nn, ops.LESS_EQUAL, self, other)


@lowering(aten.gt.Tensor, aten.gt.Scalar, layout=Layout.SAME)
def gt(nn: Context, self: Value, other: Value | Number) -> Value:
    """
    gt.Tensor(Tensor self, Tensor other) -> Tensor
    gt.Scalar(Tensor self, Scalar other) -> Tensor
    """
    return _compared(nn, ops.GREATER, self, other)


@lowering(aten.ge.Tensor, aten.ge.Scalar, layout=Layout.SAME)
def ge(nn: Context, self: Value, other: Value | Number) -> Value:
    """
    ge.Tensor(Tensor self, Tensor other) -> Tensor
    ge.Scalar(Tensor self, Scalar other) -> Tensor
    """
    return _compared(nn, ops.GREATER_EQUAL, self, other)


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


def _compared(nn: Context, spec: OperationSpec, self: Value, other: Value | Number) -> Value:
    dtype = common_dtype(self, other)
    return nn.emit(spec, a=operand(nn, self, dtype), b=operand(nn, other, dtype))


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
