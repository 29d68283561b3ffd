"""Where numbers belong in sorted sequences."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nnapi_core.testing import Case, check_lowering, tensors
from tests.ops.lowering_strategies import check_from, levels

dtypes = st.sampled_from([torch.float32, torch.int32, torch.int64])


@settings(max_examples=10)
@given(st.data(), dtypes, st.booleans(), st.booleans(), st.booleans(), st.booleans(), levels)
def test_searchsorted(
    data: st.DataObject,
    dtype: torch.dtype,
    right: bool,
    out_int32: bool,
    unsorted: bool,
    shared: bool,
    level: int,
) -> None:
    outer = data.draw(st.sampled_from([(), (2,), (2, 3)]))
    length, count = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 5))
    rows = () if shared else outer
    # Small numbers, so that many are equal.
    sequence = data.draw(tensors(shape=(*rows, length), low=-3, high=3)).round().to(dtype)
    numbers = data.draw(tensors(shape=(*outer, count), low=-4, high=4)).round().to(dtype)
    ordered, sorter = sequence.sort(-1)

    def function(
        sequence: torch.Tensor, numbers: torch.Tensor, *sorter: torch.Tensor
    ) -> torch.Tensor:
        by = sorter[0] if sorter else None
        return torch.searchsorted(sequence, numbers, right=right, out_int32=out_int32, sorter=by)

    args = [sequence, numbers, sorter] if unsorted else [ordered, numbers]
    check_from(29, function, args, level)


@settings(max_examples=10)
@given(st.data(), dtypes, st.booleans(), st.booleans(), levels)
def test_bucketize(
    data: st.DataObject, dtype: torch.dtype, right: bool, out_int32: bool, level: int
) -> None:
    numbers = data.draw(tensors(max_rank=3, low=-4, high=4)).round().to(dtype)
    boundaries = data.draw(tensors(min_rank=1, max_rank=1, low=-3, high=3)).round().to(dtype)
    boundaries = boundaries.sort().values

    def function(x: torch.Tensor, given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (
            torch.bucketize(x, boundaries, right=right, out_int32=out_int32),
            torch.bucketize(x, given, right=right),
            torch.searchsorted(given, 1, side="right" if right else "left"),
            torch.bucketize(1, given, right=right),
        )

    check_from(29, function, [numbers, boundaries], level)


def test_too_many_comparisons_are_refused() -> None:
    args = (torch.zeros(1 << 14), torch.zeros(1 << 13))
    outcome = check_lowering(Case(torch.searchsorted, args))
    assert not outcome.supported
    assert "search fewer at a time" in outcome.reasons[0]
