"""Images sampled between the pixels."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from nnapi_core.testing import Case, check_lowering, tensors
from tests.ops.lowering_strategies import after_image, check_from, levels


@given(
    st.data(),
    st.sampled_from(["zeros", "border", "reflection"]),
    st.booleans(),
    st.booleans(),
    levels,
)
def test_bilinear(
    data: st.DataObject, padding: str, align_corners: bool, image: bool, level: int
) -> None:
    batch, height, width = (data.draw(st.integers(1, most)) for most in (2, 6, 6))
    x = data.draw(tensors(shape=(batch, 3, height, width)))
    grid = data.draw(tensors(shape=(batch, 2, 4, 2), low=-3.0, high=3.0))

    def function(x: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
        x = after_image(x) if image else x
        return functional.grid_sample(x, grid, "bilinear", padding, align_corners)

    # The weights are differences of positions, which lie up to 3 × 6 pixels away.
    check_from(29, function, [x, grid], level, terms=64)


def test_far_outside_and_infinite_pixels() -> None:
    x = torch.randn(1, 2, 3, 3)
    x[0, 0, 2, 2] = torch.inf
    grid = torch.tensor([[[[1e30, 0.0], [-1e9, 1e9], [1.5, 1.5], [-0.5, -0.5]]]])
    for padding in ("zeros", "border"):
        outcome = check_lowering(
            Case(
                lambda x, g, p=padding: functional.grid_sample(x, g, "bilinear", p, False),
                (x, grid),
                terms=16,
            )
        )
        assert outcome.supported, outcome.reasons


@settings(max_examples=10)
@given(
    st.data(),
    st.sampled_from(["zeros", "border", "reflection"]),
    st.booleans(),
    levels,
)
def test_nearest(data: st.DataObject, padding: str, align_corners: bool, level: int) -> None:
    batch, height, width = (data.draw(st.integers(1, most)) for most in (2, 6, 6))
    x = data.draw(tensors(shape=(batch, 3, height, width)))
    # Halves of pixels too: torch takes the even one of two that are equally near.
    ends = torch.tensor([max(side - align_corners, 1) for side in (width, height)])
    halves = data.draw(tensors(shape=(batch, 2, 4, 2), low=-30, high=30, dtype=torch.int64))
    whole = halves / ends if align_corners else (halves + 1) / ends
    between = data.draw(tensors(shape=(batch, 3, 4, 2), low=-3.0, high=3.0))
    grid = torch.cat([whole.float(), between], 1)

    def function(x: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
        return functional.grid_sample(x, grid, "nearest", padding, align_corners)

    check_from(29, function, [x, grid], level)


@settings(max_examples=10)
@given(
    st.data(),
    st.sampled_from(["zeros", "border", "reflection"]),
    st.booleans(),
    levels,
)
def test_bicubic(data: st.DataObject, padding: str, align_corners: bool, level: int) -> None:
    batch, height, width = (data.draw(st.integers(1, most)) for most in (2, 6, 6))
    x = data.draw(tensors(shape=(batch, 3, height, width)))
    grid = data.draw(tensors(shape=(batch, 2, 4, 2), low=-3.0, high=3.0))

    def function(x: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
        return functional.grid_sample(x, grid, "bicubic", padding, align_corners)

    # Terms of the cubics are up to eight times as large as what they give.
    check_from(29, function, [x, grid], level, terms=256, magnitude=32)


def test_more_pixels_than_floats_count_are_refused() -> None:
    args = (torch.zeros(1, 1, 4096, 4096), torch.zeros(1, 1, 1, 2))
    case = Case(lambda x, g: functional.grid_sample(x, g, align_corners=False), args)
    outcome = check_lowering(case)
    assert not outcome.supported
    assert "sample smaller images" in outcome.reasons[0]
