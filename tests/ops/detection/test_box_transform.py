"""Boxes moved by deltas."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import nnapi_core.detection.operators  # noqa: F401
from nnapi_core.testing import Case, check_lowering
from tests.ops.detection.torchvision_semantics import LEVELS, generator, some_boxes, supported

nnapi = torch.ops.nnapi


@settings(max_examples=20)
@given(st.integers(1, 12), st.integers(1, 3), st.integers(0, 2**16), LEVELS)
def test_box_transform(count: int, classes: int, seed: int, level: int) -> None:
    boxes = some_boxes(count, seed, 50.0)
    deltas = torch.randn(count, 4 * classes, generator=generator(seed)) * 20
    weights = [10.0, 10.0, 5.0, 5.0] if seed % 2 else [1.0, 1.0, 1.0, 1.0]

    def function(boxes: Tensor, deltas: Tensor) -> Tensor:
        return nnapi.box_transform(boxes, deltas, [40, 60], weights)

    moved = function(boxes, deltas)
    assert moved.min() >= 0 and moved[:, 0::2].max() <= 60 and moved[:, 1::2].max() <= 40
    # A size is e to the power of up to 4 times the box's.
    supported(check_lowering(Case(function, (boxes, deltas), level, magnitude=2e4)))


def test_box_transform_of_boxes_the_wrong_way_round() -> None:
    boxes = torch.tensor([[10.0, 20.0, 5.0, 30.0], [1.0, 9.0, 4.0, 2.0], [1.0, 1.0, 4.0, 3.0]])
    deltas = torch.ones(3, 4)
    case = Case(lambda b, d: nnapi.box_transform(b, d, [40, 60], [1.0] * 4), (boxes, deltas), 29)
    supported(check_lowering(case))
