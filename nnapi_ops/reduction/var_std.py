"""Variances and standard deviations."""

from __future__ import annotations

import torch

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
from nnapi_ops.arithmetic._type_promotion import Number
from nnapi_ops.arithmetic.add_sub_mul import minus, times
from nnapi_ops.reduction._reduce_dims import Dims, averaged, count_of, dims_of

aten = torch.ops.aten


# Torch computes them in double precision.
_SQUARES = (
    "distances from the mean above 1.8e19 have no square in float32, where the result is infinite, and those below "
    "1e-19 have one that is rounded, or 0"
)


@lowering(
    aten.var.correction, aten.var.dim, aten.var.default, layout=Layout.ANY, special_values=_SQUARES
)
def var(
    nn: Context,
    self: Value,
    dim: Dims = None,
    correction: Number | None = None,
    unbiased: bool = True,
    keepdim: bool = False,
) -> Value:
    """
    var.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor
    var.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor
    var(Tensor self, bool unbiased=True) -> Tensor
    """
    return _spread(nn, self, dim, _correction(correction, unbiased), keepdim)[0]


@lowering(
    aten.std.correction, aten.std.dim, aten.std.default, layout=Layout.ANY, special_values=_SQUARES
)
def std(
    nn: Context,
    self: Value,
    dim: Dims = None,
    correction: Number | None = None,
    unbiased: bool = True,
    keepdim: bool = False,
) -> Value:
    """
    std.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor
    std.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor
    std(Tensor self, bool unbiased=True) -> Tensor
    """
    variance, _ = _spread(nn, self, dim, _correction(correction, unbiased), keepdim)
    return nn.emit(ops.SQRT, input=variance)


@lowering(aten.var_mean.correction, layout=Layout.ANY, special_values=_SQUARES)
def var_mean(
    nn: Context, self: Value, dim: Dims, correction: Number | None, keepdim: bool
) -> tuple[Value, Value]:
    """var_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)"""
    return _spread(nn, self, dim, _correction(correction, True), keepdim)


@lowering(aten.std_mean.correction, layout=Layout.ANY, special_values=_SQUARES)
def std_mean(
    nn: Context, self: Value, dim: Dims, correction: Number | None, keepdim: bool
) -> tuple[Value, Value]:
    """std_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)"""
    variance, mean = _spread(nn, self, dim, _correction(correction, True), keepdim)
    return nn.emit(ops.SQRT, input=variance), mean


def _correction(correction: Number | None, unbiased: bool) -> float:
    return float(unbiased) if correction is None else correction


def _spread(
    nn: Context, value: Value, dim: Dims, correction: float, keepdim: bool
) -> tuple[Value, Value]:
    """The variance and the mean."""
    dims = dims_of(value, dim)
    count = count_of(value, dims)
    if count - correction <= 0:
        raise Unsupported("a variance of so few elements is not a number", count=count)
    mean = averaged(nn, value, dims, True)
    apart = minus(nn, value, mean)
    variance = averaged(nn, times(nn, apart, apart), dims, keepdim)
    if correction:
        variance = times(nn, variance, nn.filled(value, count / (count - correction)))
    shape = variance.shape
    return variance, nn.reshape(mean, shape)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
