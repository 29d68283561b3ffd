"""Running sums, products and extremes.

Each step adds what lies twice as far back: after log2(n) of them every element has all before it (Hillis and Steele).
Unlike a product with a triangular matrix, this keeps an infinity or a NaN from spoiling what comes before it.
"""

from __future__ import annotations

from collections.abc import Callable

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
)
from nnapi_ops.arithmetic.add_sub_mul import plus, times
from nnapi_ops.shape._fixed_gather import Run, joined, sliced

aten = torch.ops.aten

_SMALL = Limitation(
    "integers where the result is known to stay below 2**24 (2**31, from feature level 30 on)"
)
_PARTS = (
    "of large elements, the sum or product of some that stand together may leave the range of float32 where torch's "
    "result is in it"
)


@lowering(aten.cumsum.default, layout=Layout.ANY, limitations=[_SMALL], special_values=_PARTS)
def cumsum(nn: Context, self: Value, dim: int, dtype: torch.dtype | None) -> Value:
    """cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor"""
    if nn.out.dtype.is_floating_point:
        return _scan(nn, nn.cast(self, nn.out.dtype), dim, plus)
    bounds = self.bounds * Bounds(1, _length(self, dim)) | self.bounds
    if not bounds.exact_in_float32 and bounds.fits_int32 and nn.level >= 30:
        return _scan(nn, nn.cast(self, nn.out.dtype), dim, plus)
    if not bounds.exact_in_float32:
        raise Unsupported(
            "the running sum of these integers is not known to stay below 2**24, up to where floats are exact (2**31, "
            "from feature level 30 on); bound them before (mask != 0, x.clamp(0, 1)), or sum floats: x.float().cumsum(dim)",
            least=bounds.least,
            greatest=bounds.greatest,
        )
    floats = _scan(nn, nn.cast(self, torch.float32), dim, plus)
    return nn.cast(floats.bounded(bounds), nn.out.dtype)


@lowering(aten.cumprod.default, layout=Layout.ANY, special_values=_PARTS)
def cumprod(nn: Context, self: Value, dim: int, dtype: torch.dtype | None) -> Value:
    """cumprod(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor"""
    if not nn.out.dtype.is_floating_point:
        raise Unsupported("running products of integers")
    return _scan(nn, nn.cast(self, nn.out.dtype), dim, times)


def _scan(
    nn: Context, value: Value, dim: int, combine: Callable[[Context, Value, Value], Value]
) -> Value:
    if not value.rank:
        return value
    length, reach = _length(value, dim), 1
    while reach < length:
        start = sliced(nn, value, dim, Run(0, reach))
        earlier = sliced(nn, value, dim, Run(0, length - reach))
        later = sliced(nn, value, dim, Run(reach, length - reach))
        value = joined(nn, [start, combine(nn, earlier, later)], dim)
        reach *= 2
    return value


def _length(value: Value, dim: int) -> int:
    return value.static_shape[dim] if value.rank else 1


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
