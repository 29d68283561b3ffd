"""The detection operators as artifacts hold them, against the operators themselves: equal to the last bit."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nnapi_core.detection.decomposed_operators import SPELT_OUT
from tests.ops.detection.torchvision_semantics import some_boxes, some_scores

EXAMPLES = settings(max_examples=30, deadline=None)
SEEDS = st.integers(0, 2**16)
THRESHOLDS = st.sampled_from([0.0, 0.5, 1.0])
SCORINGS = st.sampled_from(["random", "ties"])
KINDS = st.sampled_from(["any", "whole"])


def compare(name: str, *args: object) -> None:
    operator = getattr(torch.ops.nnapi, name)
    for ours, theirs in zip(SPELT_OUT[f"nnapi::{name}"](*args), operator(*args), strict=True):
        assert torch.equal(ours, theirs)


@EXAMPLES
@given(
    st.integers(1, 12), st.integers(1, 4), KINDS, SCORINGS, st.sampled_from([0.0, 0.3]), THRESHOLDS,
    st.integers(1, 60), st.sampled_from([0.01, 5.0]), SEEDS,
)  # fmt: skip
def test_box_with_nms_limit(
    count: int, classes: int, kind: str, scoring: str, least: float, threshold: float, most: int,
    min_size: float, seed: int,
) -> None:  # fmt: skip
    boxes = some_boxes(count * classes, seed, 30.0, kind=kind).reshape(count, classes, 4)
    scores = some_scores((count, classes), seed, scoring)
    compare("box_with_nms_limit", boxes, scores, least, threshold, most, min_size)


@EXAMPLES
@given(
    st.integers(1, 12), st.integers(1, 4), KINDS, SCORINGS, st.sampled_from([0.0, 0.3]), THRESHOLDS,
    st.integers(1, 60), SEEDS,
)  # fmt: skip
def test_detection_postprocessing(
    count: int, classes: int, kind: str, scoring: str, least: float, threshold: float, most: int,
    seed: int,
) -> None:  # fmt: skip
    anchors = some_boxes(count, seed, 30.0, kind=kind)
    deltas = torch.randn(count, 4, generator=torch.Generator().manual_seed(seed))
    scores = some_scores((count, classes), seed, scoring)
    weights = [10.0, 10.0, 5.0, 5.0]
    compare("detection_postprocessing", scores, deltas, anchors, weights, least, threshold, most)


@EXAMPLES
@given(st.integers(1, 20), KINDS, SCORINGS, THRESHOLDS, st.integers(1, 25), SEEDS)
def test_nms(count: int, kind: str, scoring: str, threshold: float, most: int, seed: int) -> None:
    boxes = some_boxes(count, seed, 30.0, kind=kind)
    compare("nms", boxes, some_scores((count,), seed, scoring), threshold, most)


@EXAMPLES
@given(
    st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), SCORINGS, st.integers(1, 60),
    st.integers(1, 60), THRESHOLDS, st.sampled_from([1e-3, 4.0]), SEEDS,
)  # fmt: skip
def test_generate_proposals(
    height: int, width: int, kinds: int, scoring: str, before: int, after: int, threshold: float,
    min_size: float, seed: int,
) -> None:  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    scores = some_scores((1, kinds, height, width), seed, scoring)
    deltas = torch.randn(1, 4 * kinds, height, width, generator=generator)
    half = torch.rand(kinds, 2, generator=generator) * 12
    anchors = torch.cat([-half, half], dim=1)
    compare(
        "generate_proposals", scores, deltas, anchors, [8 * height, 8 * width], [8.0, 8.0], before,
        after, threshold, min_size,
    )  # fmt: skip


@pytest.mark.parametrize("name", sorted(SPELT_OUT))
def test_each_is_an_operator(name: str) -> None:
    namespace, plain = name.split("::")
    assert hasattr(getattr(torch.ops, namespace), plain)
