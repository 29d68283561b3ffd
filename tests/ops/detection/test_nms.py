"""Suppression by itself: positions of the boxes that stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional
from torch.utils._pytree import tree_leaves

import nnapi_core
import nnapi_core.detection.operators
from nnapi_core.testing import Case, check_lowering, feature_levels
from tests.ops.detection.torchvision_semantics import plain_nms, some_boxes, some_scores, supported

LEVELS = feature_levels(29)


@settings(max_examples=25)
@given(
    st.integers(1, 24),
    st.sampled_from(["any", "whole"]),
    st.sampled_from(["random", "ties"]),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.integers(1, 30),
    st.integers(0, 2**16),
    LEVELS,
)
def test_nms_of_fixed_size(
    count: int, kind: str, scoring: str, threshold: float, most: int, seed: int, level: int
) -> None:
    boxes = some_boxes(count, seed, 30.0, kind=kind)
    if count > 5:
        boxes[5] = boxes[5, [2, 3, 0, 1]]  # inside out
    scores = some_scores((count,), seed, scoring)

    def function(boxes: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        return torch.ops.nnapi.nms(boxes, scores, threshold, most)

    positions, found = function(boxes, scores)
    kept = plain_nms(boxes, scores, threshold)
    assert torch.ops.torchvision.nms(boxes, scores, threshold).tolist() == kept
    assert positions[:found].tolist() == kept[:most] and not positions[found:].any()
    supported(check_lowering(Case(function, (boxes, scores), level)))


class Kept(torch.nn.Module):
    def forward(self, boxes: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        kept = torch.ops.torchvision.nms(boxes, scores, 0.5)
        return boxes[kept] * 2, scores[kept]


def test_nms_of_a_size_that_depends_on_data_stays_in_torch() -> None:
    args = (some_boxes(12, 0, 20.0), some_scores((12,), 0, "random"))
    converted = nnapi_core.convert(Kept(), args)
    (row,) = [row for row in converted.report.nodes if "nms" in str(row.target)]
    assert row.device == "cpu" and "nnapi::nms" in row.reason
    for seed in (0, 1):
        args = (some_boxes(12, seed, 20.0), some_scores((12,), seed, "random"))
        assert all(map(torch.equal, converted(*args), Kept()(*args)))


class Detections(torch.nn.Module):
    def forward(self, boxes: Tensor, scores: Tensor) -> tuple[Tensor, ...]:
        return torch.ops.nnapi.box_with_nms_limit(boxes, scores, 0.05, 0.5, 7)


def test_a_free_number_of_boxes() -> None:
    def args(count: int) -> tuple[Tensor, Tensor]:
        boxes = some_boxes(count, count, 30.0)[:, None].expand(-1, 3, -1).contiguous()
        return boxes, some_scores((count, 3), count, "random")

    free = {0: torch.export.Dim("boxes", min=2, max=40)}
    converted = nnapi_core.convert(Detections(), args(9), dynamic_shapes=(free, free))
    for count in (2, 9, 31):
        assert all(map(torch.equal, converted(*args(count)), Detections()(*args(count))))


# ---- uses of torchvision's own


class Use(torch.nn.Module):
    """``kept`` and how it is used."""

    def __init__(self, use: Callable[..., Any], threshold: float) -> None:
        super().__init__()
        self.use, self.threshold = use, threshold

    def forward(self, boxes: Tensor, scores: Tensor) -> Any:
        kept = torch.ops.torchvision.nms(boxes, scores, self.threshold)
        return self.use(kept, boxes, scores)


def mask_of(kept: Tensor, boxes: Tensor, scores: Tensor) -> Tensor:
    mask = torch.zeros(scores.shape[0], dtype=torch.bool)
    mask[kept] = True
    return torch.where(mask, scores, -1.0)


def padded_by_count(kept: Tensor, boxes: Tensor, scores: Tensor, most: int) -> Any:
    first = kept[:most]
    missing = most - first.shape[0]
    rows = functional.pad(boxes[first], (0, 0, 0, missing), value=-2.0)
    return rows, functional.pad(first, (0, missing))


# With fillers of as many rows as are cut off.
TAKEN: dict[str, Callable[..., Any]] = {
    "positions": lambda k, b, s, n: torch.cat([k, torch.arange(n)])[:n],
    "rows": lambda k, b, s, n: torch.cat([b[k], -torch.ones(n + 1, 4)])[:n],
    "rows of the first": lambda k, b, s, n: torch.cat([b[k[:n]], torch.zeros(n, 4)])[:n],
    "two cuts": lambda k, b, s, n: [torch.cat([s[k], s[:1].expand(n)])[:m] for m in (n, 1)],
    "rows by position": lambda k, b, s, n: b[torch.cat([k, torch.zeros(n).long()])[:n]] * 2,
    "mask": lambda k, b, s, n: mask_of(k, b, s),
    "filled": lambda k, b, s, n: s * torch.zeros(s.shape[0]).index_fill(0, k, 0.5),
    "scattered": lambda k, b, s, n: torch.ones(s.shape[0]).scatter(0, k[:n], 3),
    "padded": padded_by_count,
    "several": lambda k, b, s, n: (
        torch.cat([s[k], torch.zeros(n)])[:n],
        torch.zeros(s.shape[0]).index_fill(0, k[: n + 1], 1.0),
    ),
}


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(sorted(TAKEN)),
    st.integers(1, 12),
    st.sampled_from(["any", "whole"]),
    st.sampled_from(["random", "ties"]),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.integers(1, 14),
    st.integers(0, 2**16),
    LEVELS,
)
def test_uses_of_nms_that_end_in_a_fixed_size(
    name: str,
    count: int,
    kind: str,
    scoring: str,
    threshold: float,
    most: int,
    seed: int,
    level: int,
) -> None:
    boxes = some_boxes(count, seed, 30.0, kind=kind)
    args = (boxes, some_scores((count,), seed, scoring))
    use = TAKEN[name]
    module = Use(lambda k, b, s: use(k, b, s, most), threshold)
    outcome = check_lowering(Case(module, args, level))
    supported(outcome)
    assert outcome.converted and outcome.converted.report.operations["BOX_WITH_NMS_LIMIT"] == 1


REFUSED: dict[str, tuple[Callable[..., Any], str]] = {
    "returned": (lambda k, b, s: k, "output"),
    "cut": (lambda k, b, s: b[k[:5]], "filler"),
    "cut further than filled": (lambda k, b, s: torch.cat([k, k.new_zeros(3)])[:5], "filler"),
    "counted": (lambda k, b, s: s * k.shape[0], "how many boxes are kept"),
    "another is as long": (lambda k, b, s: torch.arange(k.shape[0]).sum() + s, "how many"),
    "accumulated": (
        lambda k, b, s: torch.zeros(12).index_put((k,), torch.tensor(1.0), accumulate=True),
        "index_put",
    ),
    "used as rows and returned": (
        lambda k, b, s: (torch.cat([k, torch.zeros(9).long()])[:9], s[k]),
        "output",
    ),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_other_uses_of_nms_stay_in_torch(name: str) -> None:
    use, why = REFUSED[name]
    args = (some_boxes(12, 0, 20.0), some_scores((12,), 0, "random"))
    module = Use(use, 0.5)
    converted = nnapi_core.convert(module, args)
    (row,) = [row for row in converted.report.nodes if "nms" in row.target]
    assert row.device == "cpu" and why in row.reason and "nnapi::nms" in row.reason, row.reason
    for seed in (0, 1):
        args = (some_boxes(12, seed, 20.0), some_scores((12,), seed, "random"))
        actual, expected = (tree_leaves(one(*args)) for one in (converted, module))
        assert all(map(torch.equal, actual, expected))
