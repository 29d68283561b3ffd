"""Where numbers belong in a sorted sequence: how many of its elements come before each."""

from __future__ import annotations

import torch

from nnapi_core.plugin import Decomposition, Unsupported, decomposition, decompositions_of, hookimpl

aten = torch.ops.aten

# Comparisons of each number with the whole sequence take this much memory, and are as good as a search up to here.
_MOST_COMPARISONS = 2**26

_NAN = "NaN may belong anywhere, among the numbers and in the sequence"


@decomposition(aten.searchsorted.Tensor, special_values=_NAN)
def searchsorted(
    sorted_sequence: torch.Tensor,
    self: torch.Tensor,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: torch.Tensor | None = None,
) -> torch.Tensor:
    """Each number is compared with all elements of its row's sequence."""
    if sorter is not None:
        sorted_sequence = sorted_sequence.gather(-1, sorter)
    right = right or side == "right"
    if sorted_sequence.dim() > 1:
        sorted_sequence = sorted_sequence.unsqueeze(-2)
    return _counted(sorted_sequence, self.unsqueeze(-1), right, out_int32)


@decomposition(aten.searchsorted.Scalar, special_values=_NAN)
def searchsorted_scalar(
    sorted_sequence: torch.Tensor,
    self: float,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: torch.Tensor | None = None,
) -> torch.Tensor:
    """The same for one number, and a sequence of one dimension."""
    if sorter is not None:
        sorted_sequence = sorted_sequence.gather(-1, sorter)
    return _counted(sorted_sequence, self, right or side == "right", out_int32)


@decomposition(aten.bucketize.Tensor, special_values=_NAN)
def bucketize(
    self: torch.Tensor, boundaries: torch.Tensor, out_int32: bool = False, right: bool = False
) -> torch.Tensor:
    return _counted(boundaries, self.unsqueeze(-1), right, out_int32)


@decomposition(aten.bucketize.Scalar, special_values=_NAN)
def bucketize_scalar(
    self: float, boundaries: torch.Tensor, out_int32: bool = False, right: bool = False
) -> torch.Tensor:
    return _counted(boundaries, self, right, out_int32)


def _counted(
    sequence: torch.Tensor, number: torch.Tensor | float, right: bool, out_int32: bool
) -> torch.Tensor:
    """How many elements (along the last dimension) come before a number, or are equal to it as well for ``right``."""
    before = sequence <= number if right else sequence < number
    if before.numel() > _MOST_COMPARISONS:
        raise Unsupported(
            "a search of so many numbers in so long a sequence, which NNAPI has only as comparisons of all with all; "
            "search fewer at a time",
            comparisons=before.numel(),
            most=_MOST_COMPARISONS,
        )
    return before.sum(-1, dtype=torch.int32 if out_int32 else torch.int64)


@hookimpl
def nnapi_decompositions() -> list[Decomposition]:
    return decompositions_of(__name__)
