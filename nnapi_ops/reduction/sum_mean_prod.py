"""Sums, means, products and counts over dimensions."""

from __future__ import annotations

import torch

from nnapi_core.plugin import (
    Bounds,
    Context,
    Layout,
    Limitation,
    Lowering,
    Unsupported,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)
from nnapi_ops.reduction._reduce_dims import Dims, averaged, count_of, dims_of, reduced, summed

aten = torch.ops.aten

SMALL_INTEGERS = Limitation(
    "NNAPI reduces floats: integers where the result is known to stay below 2**24"
)
_SMALL_SUMS = Limitation(
    "integers whose sum is known to stay below 2**24 (from feature level 30 on 2**31, for up to 4096 of them)"
)

# Half of float32's 24 bits: as many integers, as large, are summed exactly.
_HALF = 1 << 12


@lowering(aten.mean.dim, aten.mean.default, layout=Layout.ANY)
def mean(
    nn: Context,
    self: Value,
    dim: Dims = None,
    keepdim: bool = False,
    dtype: torch.dtype | None = None,
) -> Value:
    """
    mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor
    mean(Tensor self, *, ScalarType? dtype=None) -> Tensor
    """
    return averaged(nn, nn.cast(self, nn.out.dtype), dims_of(self, dim), keepdim)


@lowering(aten.sum.dim_IntList, aten.sum.default, layout=Layout.ANY, limitations=[_SMALL_SUMS])
def sum(
    nn: Context,
    self: Value,
    dim: Dims = None,
    keepdim: bool = False,
    dtype: torch.dtype | None = None,
) -> Value:
    """
    sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor
    sum(Tensor self, *, ScalarType? dtype=None) -> Tensor
    """
    dims = dims_of(self, dim)
    if nn.out.dtype.is_floating_point:
        return summed(nn, nn.cast(self, nn.out.dtype), dims, keepdim)
    return _summed_integers(nn, self, dims, keepdim)


@lowering(aten.prod.default, aten.prod.dim_int, layout=Layout.ANY)
def prod(
    nn: Context,
    self: Value,
    dim: Dims = None,
    keepdim: bool = False,
    dtype: torch.dtype | None = None,
) -> Value:
    """
    prod(Tensor self, *, ScalarType? dtype=None) -> Tensor
    prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor
    """
    if not nn.out.dtype.is_floating_point:
        raise Unsupported("products of integers: NNAPI's REDUCE_PROD takes floats")
    value = nn.cast(self, nn.out.dtype)
    return reduced(nn, ops.REDUCE_PROD, value, dims_of(self, dim), keepdim)


@lowering(aten.count_nonzero.default, aten.count_nonzero.dim_IntList, layout=Layout.ANY)
def count_nonzero(nn: Context, self: Value, dim: Dims) -> Value:
    """
    count_nonzero(Tensor self, int? dim=None) -> Tensor
    count_nonzero.dim_IntList(Tensor self, int[] dim) -> Tensor
    """
    return _summed_integers(nn, nn.cast(self, torch.bool), dims_of(self, dim), False)


def _summed_integers(nn: Context, value: Value, dims: list[int], keepdim: bool) -> Value:
    count = count_of(value, dims)
    bounds = value.bounds * Bounds(count, count)
    if (bounds | value.bounds).exact_in_float32:
        total = summed(nn, nn.cast(value, torch.float32), dims, keepdim).bounded(bounds)
    elif bounds.fits_int32 and count <= _HALF and nn.level >= 30:
        total = _summed_halves(nn, value, dims, keepdim).bounded(bounds)
    else:
        raise Unsupported(
            "the sum of these integers is not known to stay below 2**24, up to where floats are exact (2**31, from "
            "feature level 30 on); bound them before (mask != 0, x.clamp(0, 1)), or sum floats: x.float().sum()",
            least=bounds.least,
            greatest=bounds.greatest,
        )
    return nn.cast(total, nn.out.dtype)


def _summed_halves(nn: Context, value: Value, dims: list[int], keepdim: bool) -> Value:
    """The upper and the lower bits summed by themselves, each as floats hold them; for ``_HALF`` elements at most."""
    value = nn.cast(value, torch.int32)
    half = nn.constant(_HALF, torch.int32)
    # NNAPI's quotient of integers is the floor: the rest lies between 0 and ``_HALF``.
    upper = nn.emit(ops.DIV, a=value, b=half)
    lower = nn.emit(ops.SUB, a=value, b=nn.emit(ops.MUL, a=upper, b=half))
    high, low = (
        nn.cast(summed(nn, nn.cast(one, torch.float32), dims, keepdim), torch.int32)
        for one in (upper, lower)
    )
    return nn.emit(ops.ADD, a=nn.emit(ops.MUL, a=high, b=half), b=low)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
