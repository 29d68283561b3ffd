"""Assignment through indices, views and masks."""

from __future__ import annotations

import math
from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.ops.lowering_strategies import check_from, floats, levels
from tests.ops.with_constants import WithConstants


@given(floats(min_rank=2, max_rank=4, dtypes=[torch.float32]), levels)
def test_assignment_through_views(x: torch.Tensor, level: int) -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        y = x.clone()
        y[:, 0] += 1
        y[..., -1:] = 2.0
        y[0].mul_(2)
        return y

    check_from(29, function, [x], level)


@given(floats(min_rank=2, max_rank=4, dtypes=[torch.float32]), levels)
def test_assignment_by_a_mask(x: torch.Tensor, level: int) -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        y = x.clone()
        y[y > 1] = 0.5
        return y

    check_from(29, function, [x], level)


@given(st.data(), floats(min_rank=2, max_rank=4), st.booleans(), levels)
def test_index_put(data: Any, x: torch.Tensor, accumulate: bool, level: int) -> None:
    rows = data.draw(st.permutations(range(x.shape[0])))[: data.draw(st.integers(1, x.shape[0]))]
    columns = [data.draw(st.integers(0, x.shape[1] - 1)) for _ in rows]

    def function(x: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> Any:
        values = x[rows, columns] * 2
        return x.index_put((rows, columns), values, accumulate), x.index_put(
            (rows,), x[:1], accumulate
        )

    constants = torch.tensor(rows), torch.tensor(columns)
    check_from(29, WithConstants(function, *constants), [x], level)


@given(st.data(), floats(min_rank=1, max_rank=4, dtypes=[torch.float32]), levels)
def test_places_that_the_model_computes(data: Any, x: torch.Tensor, level: int) -> None:
    dim = data.draw(st.integers(0, x.dim() - 1))
    size = x.shape[dim]
    # A place of rank 0 is a number to torch's export, which then has to know it.
    rank = data.draw(st.integers(1, 2))
    shape = data.draw(st.tuples(*[st.integers(1, 3)] * rank))
    place = st.integers(-size, size - 1)
    drawn = data.draw(st.lists(place, min_size=math.prod(shape), max_size=math.prod(shape)))
    dtype = data.draw(st.sampled_from([torch.int32, torch.int64]))
    # Which of several values stays at one place, torch leaves open.
    places = torch.tensor(drawn).reshape(shape)
    new = torch.randn(*x.shape[:dim], *[1] * rank, *x.shape[dim + 1 :])

    def function(x: torch.Tensor, places: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
        y = x.clone()
        y[(slice(None),) * dim + (places,)] = new
        return y

    check_from(29, function, [x, places.to(dtype), new], level)


@given(st.data(), floats(min_rank=1, max_rank=4, dtypes=[torch.float32]), levels)
def test_index_copy(data: Any, x: torch.Tensor, level: int) -> None:
    dim = data.draw(st.integers(0, x.dim() - 1))
    places = data.draw(st.permutations(range(x.shape[dim])))
    places = torch.tensor(places[: data.draw(st.integers(1, len(places)))])
    new = torch.randn(*x.shape[:dim], len(places), *x.shape[dim + 1 :])

    def function(x: torch.Tensor, places: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
        return x.index_copy(dim, places, new)

    check_from(29, function, [x, places, new], level)
