"""Tensors made of one number."""

from __future__ import annotations

from typing import Any

import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Lowering,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
)
from nnapi_ops.arithmetic._type_promotion import Number

aten = torch.ops.aten


@lowering(aten.full_like.default, aten.new_full.default, aten.fill.Scalar, layout=Layout.ANY)
def full(
    nn: Context, self: Value, fill_value: Number = 0, value: Number = 0, **ignored: Any
) -> Value:
    """
    full_like(Tensor self, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor
    new_full(Tensor self, SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor
    fill.Scalar(Tensor self, Scalar value) -> Tensor
    """
    return nn.full(nn.out, fill_value or value, nn.out.dtype)


@lowering(
    aten.zeros_like.default,
    aten.new_zeros.default,
    aten.empty_like.default,
    aten.new_empty.default,
    layout=Layout.ANY,
)
def zeros(nn: Context, self: Value, **ignored: Any) -> Value:
    """
    zeros_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor
    new_zeros(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor
    empty_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor
    new_empty(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor

    What an empty tensor holds is undefined; zeros are as good as anything.
    """
    return nn.full(nn.out, 0, nn.out.dtype)


@lowering(aten.ones_like.default, aten.new_ones.default, layout=Layout.ANY)
def ones(nn: Context, self: Value, **ignored: Any) -> Value:
    """
    ones_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor
    new_ones(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor
    """
    return nn.full(nn.out, 1, nn.out.dtype)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
