"""Detections compared as sets: by label, overlap and score."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen
from torch import Tensor

from nnapi_core.detection.boxes import overlaps

LEAST_OVERLAP, MOST_SCORE_DIFFERENCE = 0.99, 1e-3


@frozen
class Agreement:
    """Of two sets of detections: how many have a partner, and the largest differences between partners."""

    matched: int
    count: int
    mask_difference: float = 0.0
    """The mean over a mask's pixels, of the worst mask."""

    @property
    def share(self) -> float:
        return self.matched / self.count if self.count else 1.0

    def __add__(self, other: Agreement) -> Agreement:
        worst = max(self.mask_difference, other.mask_difference)
        return Agreement(self.matched + other.matched, self.count + other.count, worst)


def agreement(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> Agreement:
    """Each detection has one partner at most: the same label, IoU of 0.99 or more, a score within 0.001.

    A detection that only one side has counts as unmatched.
    """
    close = overlaps(theirs["boxes"], ours["boxes"]) >= LEAST_OVERLAP
    close &= theirs["labels"][:, None] == ours["labels"]
    close &= (theirs["scores"][:, None] - ours["scores"]).abs() <= MOST_SCORE_DIFFERENCE
    matched, worst = 0, 0.0
    for k, row in enumerate(close):
        (partners,) = row.nonzero(as_tuple=True)
        if not len(partners):
            continue
        j = int(partners[(theirs["scores"][k] - ours["scores"][partners]).abs().argmin()])
        close[:, j] = False
        matched += 1
        if "masks" in theirs:
            difference = (theirs["masks"][k] - ours["masks"][j]).abs()
            worst = max(worst, float(difference.mean()))
    return Agreement(matched, max(len(theirs["labels"]), len(ours["labels"])), worst)


def printed(result: Mapping[str, Tensor], count: int = 5) -> str:
    """The first detections as text."""
    rows = zip(result["labels"][:count], result["scores"], result["boxes"], strict=False)
    return "\n".join(
        f"  class {int(label):2d}  {float(score):.3f}  {[round(float(x), 1) for x in box]}"
        for label, score, box in rows
    )
