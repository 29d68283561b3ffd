"""Linear layers and products of matrices that end in FULLY_CONNECTED or BATCH_MATMUL."""

from __future__ import annotations

import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Limitation,
    Lowering,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
)
from nnapi_ops.arithmetic._type_promotion import Number, operand
from nnapi_ops.arithmetic.add_sub_mul import plus, times
from nnapi_ops.linear._matrix_product import fully_connected, matrix_product

aten = torch.ops.aten
_UNROLLED = Limitation(
    "products of two computed batches, where the batch is too large to be unrolled", level=1000006
)


@lowering(aten.linear.default, layout=Layout.TORCH)
def linear(nn: Context, input: Value, weight: Value, bias: Value | None) -> Value:
    """
    linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor
    """
    if weight.rank == 1:
        return matmul(nn, input, weight)
    if bias is not None and bias.rank != 1:
        return plus(nn, fully_connected(nn, input, weight, None), bias)
    return fully_connected(nn, input, weight, bias)


@lowering(aten.mm.default, layout=Layout.TORCH)
def mm(nn: Context, self: Value, mat2: Value) -> Value:
    """
    mm(Tensor self, Tensor mat2) -> Tensor
    """
    return matrix_product(nn, self, mat2)


@lowering(aten.bmm.default, layout=Layout.TORCH, limitations=[_UNROLLED])
def bmm(nn: Context, self: Value, mat2: Value) -> Value:
    """
    bmm(Tensor self, Tensor mat2) -> Tensor
    """
    return matrix_product(nn, self, mat2)


@lowering(aten.matmul.default, layout=Layout.TORCH, limitations=[_UNROLLED])
def matmul(nn: Context, self: Value, other: Value) -> Value:
    """
    matmul(Tensor self, Tensor other) -> Tensor
    A vector is a row on the left and a column on the right.
    """
    a = self if self.rank > 1 else nn.reshape(self, (1, *self.shape))
    b = other if other.rank > 1 else nn.reshape(other, (*other.shape, 1))
    return nn.reshape(matrix_product(nn, a, b), nn.out.shape)


@lowering(aten.mv.default, layout=Layout.TORCH)
def mv(nn: Context, self: Value, vec: Value) -> Value:
    """
    mv(Tensor self, Tensor vec) -> Tensor
    """
    return matmul(nn, self, vec)


@lowering(aten.dot.default, layout=Layout.TORCH)
def dot(nn: Context, self: Value, tensor: Value) -> Value:
    """
    dot(Tensor self, Tensor tensor) -> Tensor
    """
    return matmul(nn, self, tensor)


@lowering(aten.addmm.default, layout=Layout.TORCH)
def addmm(nn: Context, self: Value, mat1: Value, mat2: Value, beta: Number, alpha: Number) -> Value:
    """
    addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor
    """
    is_bias = self.dtype.is_floating_point and self.shape == nn.out.shape[-1:]
    if is_bias and alpha == beta == 1:
        return matrix_product(nn, mat1, mat2, bias=self)
    return _added(nn, self, matrix_product(nn, mat1, mat2), beta, alpha)


@lowering(aten.addmv.default, layout=Layout.TORCH)
def addmv(nn: Context, self: Value, mat: Value, vec: Value, beta: Number, alpha: Number) -> Value:
    """
    addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor
    """
    return _added(nn, self, matmul(nn, mat, vec), beta, alpha)


@lowering(aten.baddbmm.default, layout=Layout.TORCH, limitations=[_UNROLLED])
def baddbmm(
    nn: Context, self: Value, batch1: Value, batch2: Value, beta: Number, alpha: Number
) -> Value:
    """
    baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor
    """
    return _added(nn, self, matrix_product(nn, batch1, batch2), beta, alpha)


@lowering(aten.addbmm.default, layout=Layout.TORCH)
def addbmm(
    nn: Context, self: Value, batch1: Value, batch2: Value, beta: Number, alpha: Number
) -> Value:
    """
    addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor
    The sum of the products is the product of the matrices joined along their inner dimension.
    """
    count, rows, inner = batch1.static_shape
    side_by_side = nn.reshape(nn.permute(batch1, (1, 0, 2)), (rows, count * inner))
    stacked = nn.reshape(batch2, (count * inner, batch2.shape[-1]))
    return _added(nn, self, matrix_product(nn, side_by_side, stacked), beta, alpha)


def _added(nn: Context, addend: Value, result: Value, beta: Number, alpha: Number) -> Value:
    """``beta * addend + alpha * result``; with ``beta`` 0 torch ignores the addend, whatever it holds."""
    scaled = _scaled(nn, result, alpha)
    return scaled if beta == 0 else plus(nn, scaled, _scaled(nn, addend, beta))


def _scaled(nn: Context, value: Value, factor: Number) -> Value:
    return value if factor == 1 else times(nn, value, operand(nn, factor, value.dtype))


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
