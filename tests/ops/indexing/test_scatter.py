"""Elements replaced at positions along one dimension."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.testing import Case, check_lowering
from tests.ops.lowering_strategies import check_from, floats, levels
from tests.ops.with_constants import WithConstants


@given(st.data(), floats(min_rank=1, max_rank=4), levels)
def test_scatter_to_constant_places(data: Any, x: torch.Tensor, level: int) -> None:
    dim = data.draw(st.integers(0, x.dim() - 1))
    shape = [data.draw(st.integers(1, size)) for size in x.shape]
    order = data.draw(st.permutations(range(x.shape[dim])))[: shape[dim]]
    column = [1] * x.dim()
    column[dim] = len(order)
    index = torch.tensor(order).reshape(column).expand(shape).clone()

    def function(x: torch.Tensor, index: torch.Tensor) -> Any:
        return x.scatter(dim, index, 7.5), x.scatter(dim, index, x * 2)

    check_from(29, WithConstants(function, index), [x], level)


@given(st.data(), floats(min_rank=1, max_rank=4, dtypes=[torch.float32]), levels)
def test_scatter_to_computed_places(data: Any, x: torch.Tensor, level: int) -> None:
    dim = data.draw(st.integers(0, x.dim() - 1))
    shape = [1 if one == dim else size for one, size in enumerate(x.shape)]
    count = torch.Size(shape).numel()
    drawn = data.draw(st.lists(st.integers(0, x.shape[dim] - 1), min_size=count, max_size=count))
    index = torch.tensor(drawn).reshape(shape)

    def function(x: torch.Tensor, index: torch.Tensor) -> Any:
        twice = torch.cat([index, index], dim)
        return (
            x.scatter(dim, index, 7.5),
            x.scatter(dim, index, x * 2),
            x.scatter_add(dim, twice, torch.cat([x, x], dim)),
            x.scatter_reduce(dim, index, x * 2, "amax"),
        )

    check_from(30, function, [x, index], level, terms=4, magnitude=16.0)


def test_several_elements_for_one_place_are_refused() -> None:
    index = torch.tensor([[1, 1]])
    function = WithConstants(lambda x, index: x.scatter(1, index, x * 2), index)
    outcome = check_lowering(Case(function, (torch.ones(1, 3),)))
    assert not outcome.supported
    assert "one place" in outcome.reasons[0]
