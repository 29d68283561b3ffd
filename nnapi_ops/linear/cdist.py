"""Distances between rows, as differences that broadcast."""

from __future__ import annotations

import torch

from nnapi_core.plugin import Decomposition, Unsupported, decomposition, decompositions_of, hookimpl

aten = torch.ops.aten

_POWERS = "powers of differences may overflow; of NaN and infinities a distance may be another than torch's"


def _norm(difference: torch.Tensor, p: float) -> torch.Tensor:
    """Of the last dimension. Other p need powers of differences, which lose what pow loses near 0."""
    if p == 0:
        return (difference != 0).to(difference.dtype).sum(-1)
    if p == 1:
        return difference.abs().sum(-1)
    if p == 2:
        return (difference * difference).sum(-1).sqrt()
    if p == float("inf"):
        return difference.abs().amax(-1)
    raise Unsupported("distances of this degree", p=p)


@decomposition(aten._cdist_forward.default, special_values=_POWERS)
def cdist(x1: torch.Tensor, x2: torch.Tensor, p: float, compute_mode: int | None) -> torch.Tensor:
    return _norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), p)


@decomposition(aten._pdist_forward.default, special_values=_POWERS)
def pdist(self: torch.Tensor, p: float = 2.0) -> torch.Tensor:
    first, second = torch.triu_indices(self.shape[0], self.shape[0], 1)
    return _norm(self.index_select(0, first) - self.index_select(0, second), p)


@hookimpl
def nnapi_decompositions() -> list[Decomposition]:
    return decompositions_of(__name__)
