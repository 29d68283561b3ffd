"""What undoes a max pooling."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from nnapi_core.testing import Case, check_lowering, feature_levels, tensors


@settings(max_examples=10)
@given(st.data(), st.sampled_from([1, 2]), st.booleans(), feature_levels())
def test_unpooling(data: st.DataObject, spatial: int, batched: bool, level: int) -> None:
    kernel = [data.draw(st.integers(1, 3)) for _ in range(spatial)]
    padding = [data.draw(st.integers(0, one // 2)) for one in kernel]
    stride = [one + data.draw(st.integers(0, 1)) for one in kernel]
    sizes = [one + data.draw(st.integers(0, 6)) for one in kernel]
    ceil_mode = data.draw(st.booleans())
    x = data.draw(tensors(shape=((2,) if batched else ()) + (3, *sizes)))
    pool, unpool = (
        (functional.max_pool1d, functional.max_unpool1d)
        if spatial == 1
        else (functional.max_pool2d, functional.max_unpool2d)
    )

    def function(x: torch.Tensor) -> Any:
        y, indices = pool(x, kernel, stride, padding, ceil_mode=ceil_mode, return_indices=True)
        # Other numbers go back to the same places.
        return unpool(y * 2 + 1, indices, kernel, stride, padding, output_size=sizes)

    outcome = check_lowering(Case(function, (x,), level))
    assert outcome.supported or level < 29, outcome.reasons


def test_positions_that_may_be_any_are_refused() -> None:
    x = torch.rand(1, 2, 6, 6)

    def overlapping(x: torch.Tensor) -> torch.Tensor:
        y, indices = functional.max_pool2d(x, 3, 2, return_indices=True)
        return functional.max_unpool2d(y, indices, 3, 2, output_size=[6, 6])

    def given_indices(x: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        return functional.max_unpool2d(x, indices, 2)

    indices = torch.arange(36).reshape(1, 1, 6, 6).expand(1, 2, 6, 6)
    for function, args in ((overlapping, (x,)), (given_indices, (x, indices))):
        outcome = check_lowering(Case(function, args))
        assert not outcome.supported
        assert "give it the indices of a max_pool in the same model" in outcome.reasons[-1]
