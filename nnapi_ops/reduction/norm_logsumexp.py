"""Norms, and logarithms of sums of exponentials."""

from __future__ import annotations

import math

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
from nnapi_ops.arithmetic._type_promotion import Number
from nnapi_ops.arithmetic.add_sub_mul import minus, plus, times
from nnapi_ops.arithmetic.exp_log_pow import powered
from nnapi_ops.arithmetic.maximum_minimum import larger, smaller
from nnapi_ops.reduction._reduce_dims import Dims, dims_of, reduced, summed

aten = torch.ops.aten


@lowering(
    aten.linalg_vector_norm.default,
    aten.norm.Scalar,
    aten.norm.ScalarOpt_dim,
    layout=Layout.ANY,
    special_values="powers of the elements may leave the range of float32 where the norm is in it",
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


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
