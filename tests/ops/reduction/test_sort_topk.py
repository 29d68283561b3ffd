"""The largest elements in order, and where they are."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.testing import Case, check_lowering, shapes
from tests.ops.lowering_strategies import after_image, check_from, integers, levels


@st.composite
def distinct(draw: st.DrawFn) -> torch.Tensor:
    """Floats of which no two are equal."""
    shape = draw(shapes(min_rank=1, max_rank=5, max_side=5))
    count = torch.Size(shape).numel()
    order = torch.randperm(count, generator=torch.Generator().manual_seed(draw(st.integers(0, 99))))
    return (order - count // 2).reshape(shape) / 8


@given(distinct(), st.integers(0, 4), st.booleans(), st.booleans(), levels)
def test_topk(x: torch.Tensor, dim: int, largest: bool, image: bool, level: int) -> None:
    dim %= x.dim()
    k = max(1, x.shape[dim] - 1)

    def function(x: torch.Tensor) -> object:
        return tuple(torch.topk(after_image(x) if image and x.dim() == 4 else x, k, dim, largest))

    check_from(29, function, [x], level)


@given(distinct(), st.integers(0, 4), st.booleans(), levels)
def test_sort(x: torch.Tensor, dim: int, descending: bool, level: int) -> None:
    dim %= x.dim()
    check_from(29, lambda x: (*x.sort(dim, descending), x.argsort(dim, descending)), [x], level)


@given(integers(low=-3, high=3), st.booleans(), levels)
def test_stable_sort_of_equal_elements(x: torch.Tensor, descending: bool, level: int) -> None:
    def function(x: torch.Tensor) -> object:
        return tuple(torch.sort(x.clamp(-3, 3), stable=True, descending=descending))

    check_from(30, function, [x], level)
    check_from(30, function, [x.float()], level)


@given(integers(low=-(2**31), high=2**31 - 1), st.booleans(), levels)
def test_values_of_integers(x: torch.Tensor, largest: bool, level: int) -> None:
    check_from(30, lambda x: x.topk(1, largest=largest)[0], [x.int()], level)


def test_positions_that_torch_leaves_open_are_refused() -> None:
    x = torch.tensor([3, 1, 3])
    for function in (lambda x: x.topk(2)[1], lambda x: (x > 1).sort()[1]):
        outcome = check_lowering(Case(function, (x.int(),)))
        assert not outcome.supported
        assert "equal integers" in outcome.reasons[0]


def test_one_number_without_dimensions() -> None:
    for function in (torch.sort, lambda x: torch.topk(x, 1), torch.argsort):
        outcome = check_lowering(Case(function, (torch.tensor(3.0),)))
        assert outcome.supported, outcome.reasons
