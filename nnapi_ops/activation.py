"""Activations that clamp or bend the line."""

from __future__ import annotations

import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Lowering,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)

aten = torch.ops.aten


@lowering(aten.relu.default, layout=Layout.ANY)
def relu(nn: Context, self: Value) -> Value:
    """relu(Tensor self) -> Tensor"""
    return nn.emit(ops.RELU, input=self)


@lowering(aten.relu6.default, layout=Layout.ANY)
def relu6(nn: Context, self: Value) -> Value:
    """relu6(Tensor self) -> Tensor"""
    return nn.emit(ops.RELU6, input=self)


@lowering(aten.sigmoid.default, layout=Layout.ANY)
def sigmoid(nn: Context, self: Value) -> Value:
    """sigmoid(Tensor self) -> Tensor"""
    return nn.emit(ops.LOGISTIC, input=self)


@lowering(aten.tanh.default, layout=Layout.ANY)
def tanh(nn: Context, self: Value) -> Value:
    """tanh(Tensor self) -> Tensor"""
    return nn.emit(ops.TANH, input=self)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
