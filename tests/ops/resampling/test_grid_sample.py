"""Images sampled between the pixels."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
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


@pytest.mark.parametrize("mode", ["nearest", "bicubic"])
def test_other_modes_are_refused(mode: str) -> None:
    args = (torch.randn(1, 2, 4, 4), torch.rand(1, 3, 3, 2))
    case = Case(lambda x, g: functional.grid_sample(x, g, mode, align_corners=False), args)
    outcome = check_lowering(case)
    assert not outcome.supported
    # The reason is the decomposition's own, not that nobody lowers the operator.
    assert "use mode='bilinear'" in outcome.reasons[0]
