"""Shuffled channels and pixels that a model spells out in views."""

from __future__ import annotations

from collections.abc import Callable

import torch
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.testing import Case, Outcome, check_lowering, feature_levels, tensors
from tests.ops.lowering_strategies import after_image, operations

Function = Callable[[torch.Tensor], torch.Tensor]


def checked(function: Function, x: torch.Tensor, level: int) -> Outcome:
    outcome = check_lowering(Case(lambda x: after_image(function(after_image(x))), (x,), level))
    assert outcome.supported, outcome.reasons
    assert outcome.converted is not None
    return outcome


@given(st.data(), st.integers(1, 3), st.integers(1, 3), feature_levels(28))
def test_shuffled_channels(data: st.DataObject, groups: int, each: int, level: int) -> None:
    n, c, h, w = shape = (2, groups * each, 3, 4)

    def function(x: torch.Tensor) -> torch.Tensor:
        return x.view(n, groups, each, h, w).transpose(1, 2).contiguous().view(n, c, h, w)

    done = operations(checked(function, data.draw(tensors(shape=shape)), level))
    if level >= 29 and groups > 1 and each > 1:
        assert "CHANNEL_SHUFFLE" in done
        assert "RESHAPE" not in done


@given(st.data(), st.integers(1, 3), st.booleans(), feature_levels(28))
def test_pixels_and_channels(data: st.DataObject, side: int, up: bool, level: int) -> None:
    n, c, h, w = 2, 3, 2, 4

    def shuffled(x: torch.Tensor) -> torch.Tensor:
        blocks = x.view(n, c, side, side, h, w).permute(0, 1, 4, 2, 5, 3)
        return blocks.reshape(n, c, h * side, w * side)

    def unshuffled(x: torch.Tensor) -> torch.Tensor:
        blocks = x.view(n, c, h, side, w, side).permute(0, 1, 3, 5, 2, 4)
        return blocks.reshape(n, c * side**2, h, w)

    shape = (n, c * side**2, h, w) if up else (n, c, h * side, w * side)
    done = operations(
        checked(shuffled if up else unshuffled, data.draw(tensors(shape=shape)), level)
    )
    assert ("DEPTH_TO_SPACE" if up else "SPACE_TO_DEPTH") in done


LOOKALIKES: list[Function] = [
    lambda x: x.view(2, 2, 2, 3, 4).transpose(1, 2).reshape(2, 4, 4, 3),
    lambda x: x.view(2, 2, 2, 3, 4).permute(0, 2, 1, 4, 3).reshape(2, 4, 3, 4),
    lambda x: x.view(4, 2, 2, 3, 2).transpose(1, 2).reshape(2, 4, 3, 4),
    lambda x: x.view(2, 1, 2, 2, 3, 4).permute(0, 1, 4, 3, 5, 2).reshape(2, 1, 6, 8),
]


def test_lookalikes_keep_their_meaning() -> None:
    for function in LOOKALIKES:
        done = operations(checked(function, torch.randn(2, 4, 3, 4), 30))
        assert not done.keys() & {"CHANNEL_SHUFFLE", "DEPTH_TO_SPACE", "SPACE_TO_DEPTH"}
