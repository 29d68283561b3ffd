"""Variances, deviations, norms, and sums of exponentials."""

from __future__ import annotations

import math

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
from nnapi_ops.arithmetic import minus, plus, times
from nnapi_ops.exponential import powered
from nnapi_ops.limits import larger, smaller
from nnapi_ops.promotion import Number
from nnapi_ops.reduction import Dims, averaged, count_of, dims_of, reduced, summed

aten = torch.ops.aten


@lowering(aten.var.correction, aten.var.dim, aten.var.default, layout=Layout.ANY)
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


@lowering(aten.std.correction, aten.std.dim, aten.std.default, layout=Layout.ANY)
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


@lowering(aten.var_mean.correction, layout=Layout.ANY)
def var_mean(
    nn: Context, self: Value, dim: Dims, correction: Number | None, keepdim: bool
) -> tuple[Value, Value]:
    """var_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)"""
    return _spread(nn, self, dim, _correction(correction, True), keepdim)


@lowering(aten.std_mean.correction, layout=Layout.ANY)
def std_mean(
    nn: Context, self: Value, dim: Dims, correction: Number | None, keepdim: bool
) -> tuple[Value, Value]:
    """std_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)"""
    variance, mean = _spread(nn, self, dim, _correction(correction, True), keepdim)
    return nn.emit(ops.SQRT, input=variance), mean


@lowering(
    aten.linalg_vector_norm.default,
    aten.norm.Scalar,
    aten.norm.ScalarOpt_dim,
    layout=Layout.ANY,
)
def norm(
    nn: Context,
    self: Value,
    ord: Number | None = None,
    p: Number | None = None,
    dim: Dims = None,
    keepdim: bool = False,
    dtype: torch.dtype | None = None,
) -> Value:
    """
    linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor
    norm.Scalar(Tensor self, Scalar p=2) -> Tensor
    norm.ScalarOpt_dim(Tensor self, Scalar? p, int[1] dim, bool keepdim=False) -> Tensor

    Computed in float32, since squares of float16 overflow.
    """
    degree = next((one for one in (ord, p) if one is not None), 2)
    value = nn.cast(self, torch.float32)
    return nn.cast(_norm(nn, value, degree, dims_of(self, dim), keepdim), nn.out.dtype)


@lowering(aten.logsumexp.default, layout=Layout.ANY)
def logsumexp(nn: Context, self: Value, dim: Dims, keepdim: bool) -> Value:
    """
    logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor

    The largest element is taken out first; if it is infinite, the largest finite number instead.
    """
    dtype, dims = nn.out.dtype, dims_of(self, dim)
    value = nn.cast(self, dtype)
    top = reduced(nn, ops.REDUCE_MAX, value, dims, True)
    most = torch.finfo(dtype).max
    top = smaller(nn, larger(nn, top, nn.filled(value, -most)), nn.filled(value, most))
    scaled = nn.emit(ops.EXP, input=minus(nn, value, top))
    total = nn.emit(ops.LOG, input=summed(nn, scaled, dims, True))
    return nn.reshape(plus(nn, total, top), nn.out.shape)


def _norm(nn: Context, value: Value, degree: Number, dims: list[int], keepdim: bool) -> Value:
    if degree == 2:
        return nn.emit(ops.SQRT, input=summed(nn, times(nn, value, value), dims, keepdim))
    if degree == 0:
        some = nn.cast(nn.cast(value, torch.bool), torch.float32)
        return summed(nn, some, dims, keepdim)
    size = nn.emit(ops.ABS, input=value)
    if math.isinf(degree):
        extreme = ops.REDUCE_MAX if degree > 0 else ops.REDUCE_MIN
        return reduced(nn, extreme, size, dims, keepdim)
    if degree == 1:
        return summed(nn, size, dims, keepdim)
    return powered(nn, summed(nn, powered(nn, size, degree), dims, keepdim), 1 / degree)


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
