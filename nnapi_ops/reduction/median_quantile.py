"""The k-th smallest element, the median and quantiles: elements of the sorted tensor, and between them."""

from __future__ import annotations

import math

import torch

from nnapi_core.plugin import Decomposition, decomposition, decompositions_of, hookimpl

aten = torch.ops.aten

_NAN = "NaN is sorted among the elements: it is the result only where it stands there, not of all that it is among"


@decomposition(aten.kthvalue.default, special_values=_NAN)
def kthvalue(
    self: torch.Tensor, k: int, dim: int = -1, keepdim: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    values, indices = torch.sort(self, dim)
    if not self.dim():
        return values, indices
    if keepdim:
        return values.narrow(dim, k - 1, 1), indices.narrow(dim, k - 1, 1)
    return values.select(dim, k - 1), indices.select(dim, k - 1)


@decomposition(aten.median.default, special_values=_NAN)
def median(self: torch.Tensor) -> torch.Tensor:
    """Of an even number of elements, the lower of the two in the middle."""
    return median_dim(self.reshape(-1), 0)[0]


@decomposition(aten.median.dim, special_values=_NAN)
def median_dim(
    self: torch.Tensor, dim: int, keepdim: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    middle = (self.shape[dim] + 1) // 2 if self.dim() else 1
    return kthvalue(self, middle, dim, keepdim)


@decomposition(aten.quantile.scalar, special_values=_NAN)
def quantile(
    self: torch.Tensor,
    q: float,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> torch.Tensor:
    """Torch's rank is ``q`` times the last position."""
    if dim is None or not self.dim():
        shape = [1] * self.dim() if keepdim else []
        return _quantile(self.reshape(-1), q, 0, False, interpolation).reshape(shape)
    return _quantile(self, q, dim, keepdim, interpolation)


def _quantile(
    self: torch.Tensor, q: float, dim: int, keepdim: bool, interpolation: str
) -> torch.Tensor:
    rank = q * (self.shape[dim] - 1)
    below, above = math.floor(rank), math.ceil(rank)
    # Half-way, Python rounds to the even position, as torch does.
    position = {"lower": below, "higher": above, "nearest": round(rank)}.get(interpolation)
    if position is not None:
        return kthvalue(self, position + 1, dim, keepdim)[0]
    low, high = (kthvalue(self, one + 1, dim, keepdim)[0] for one in (below, above))
    return torch.lerp(low, high, 0.5 if interpolation == "midpoint" else rank - below)


@hookimpl
def nnapi_decompositions() -> list[Decomposition]:
    return decompositions_of(__name__)
