"""Tensors with some elements replaced."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.testing import Case, check_lowering
from tests.ops.drawing import check_from, floats, levels
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


@given(st.data(), floats(min_rank=1, max_side=5), levels, st.booleans())
def test_slices_and_rows(data: Any, x: torch.Tensor, level: int, image: bool) -> None:
    dim = data.draw(st.integers(0, x.dim() - 1))
    start = data.draw(st.integers(0, x.shape[dim] - 1))
    end, step = data.draw(st.integers(start + 1, x.shape[dim])), data.draw(st.integers(1, 2))
    index = [slice(None)] * x.dim()
    index[dim] = slice(start, end, step)

    def function(x: torch.Tensor) -> Any:
        part = x[tuple(index)] * 2
        row = x.select(dim, 0) * 3
        return torch.slice_scatter(x, part, dim, start, end, step), x.select_scatter(
            row, dim, start
        )

    check_from(28, function, [x], level, image=image)


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


def test_several_elements_for_one_place_are_refused() -> None:
    index = torch.tensor([[1, 1]])
    function = WithConstants(lambda x, index: x.scatter(1, index, x * 2), index)
    outcome = check_lowering(Case(function, (torch.ones(1, 3),)))
    assert not outcome.supported
    assert "one place" in outcome.reasons[0]
