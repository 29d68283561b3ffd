"""Running sums and products."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nnapi_core.conversion.convert import convert
from tests.ops.lowering_strategies import check_from, floats, integers, levels
from tests.ops.test_special_values import difference


@given(floats(max_side=7), st.integers(0, 4), levels, st.booleans())
def test_cumsum(x: torch.Tensor, dim: int, level: int, image: bool) -> None:
    dim %= max(x.dim(), 1)
    check_from(28, lambda x: x.cumsum(dim), [x], level, image=image, terms=8, magnitude=28.0)


@given(floats(max_side=7, low=0.5, high=1.5), st.integers(0, 4), levels)
def test_cumprod(x: torch.Tensor, dim: int, level: int) -> None:
    dim %= max(x.dim(), 1)
    check_from(28, lambda x: x.cumprod(dim), [x], level, terms=8)


@given(integers(low=-99, high=99), st.integers(0, 3), levels)
def test_integers(x: torch.Tensor, dim: int, level: int) -> None:
    dim %= x.dim()
    check_from(29, lambda x: (x.clamp(-99, 99).cumsum(dim), (x > 0).cumsum(dim)), [x], level)


@settings(max_examples=10)
@given(integers(low=-(2**28), high=2**28), st.integers(0, 3), levels)
def test_integers_that_are_known_to_fit_int32(x: torch.Tensor, dim: int, level: int) -> None:
    dim %= x.dim()
    check_from(30, lambda x: x.clamp(-(2**28), 2**28).cumsum(dim), [x], level)


def test_not_a_number_spoils_only_what_follows() -> None:
    x = torch.tensor([1.0, 2.0, float("nan"), 1.0, float("inf")])
    check_from(28, lambda x: (x.cumsum(0), x[3:].cumsum(0), x.flip(0).cumsum(0)), [x], 28)


@given(
    st.lists(
        st.sampled_from([0.0, 1.0, -2.0, 1e-30, 1e25, -3e38, 3e38, 0.5]), min_size=2, max_size=7
    )
)
def test_where_parts_leave_the_range_the_report_says_so(numbers: list[float]) -> None:
    """The product of what stands together may be infinite, and then 0 times it is NaN."""

    class Running(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return x.cumsum(0), x.cumprod(0)

    x = torch.tensor(numbers)
    converted = convert(Running(), (torch.ones(len(x)),))
    for row, actual, expected in zip(
        converted.report.nodes, converted(x), Running()(x), strict=True
    ):
        assert row.device == "nnapi"
        assert row.special_values or difference(actual, expected) is None
