"""The same elements under another shape, and in another order."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.testing import Case, check_lowering
from tests.ops.lowering_strategies import check_from, few, floats, integers, levels


@st.composite
def reshaped(draw: st.DrawFn, x: torch.Tensor) -> list[int]:
    """Another shape for as many elements, of rank up to 6."""
    left, shape = x.numel(), []
    for _ in range(draw(st.integers(0, 5))):
        shape.append(draw(st.sampled_from([d for d in range(1, left + 1) if left % d == 0])))
        left //= shape[-1]
    return draw(st.permutations([*shape, left]))


@given(st.data(), floats(), levels, st.booleans())
def test_reshape(data: Any, x: torch.Tensor, level: int, image: bool) -> None:
    shape = data.draw(reshaped(x))
    check_from(
        28 if image else 27, lambda x: (x.reshape(shape), x.flatten()), [x], level, image=image
    )


@given(st.data(), floats(max_rank=6, max_side=3), levels, st.booleans())
def test_permute(data: Any, x: torch.Tensor, level: int, image: bool) -> None:
    """Of any rank: NNAPI transposes four dimensions."""
    dims = data.draw(st.permutations(range(x.dim())))
    given_dims = [dim - x.dim() if dim % 2 else dim for dim in dims]
    check_from(28, lambda x: x.permute(given_dims), [x], level, image=image)


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64, torch.bool])
@few
@given(st.data(), integers(low=-(2**31), high=2**31 - 1), levels)
def test_integers_and_booleans_move_exactly(
    dtype: torch.dtype, data: Any, x: torch.Tensor, level: int
) -> None:
    shape = data.draw(reshaped(x))
    dims = data.draw(st.permutations(range(x.dim())))

    def function(x: torch.Tensor) -> Any:
        return x.reshape(shape), x.permute(dims), x.unsqueeze(1)

    check_from(29 if dtype is torch.bool else 30, function, [x.to(dtype)], level)


@given(st.data(), floats(min_rank=2), levels, st.booleans())
def test_views(data: Any, x: torch.Tensor, level: int, image: bool) -> None:
    dim, other = (data.draw(st.integers(-x.dim(), x.dim() - 1)) for _ in range(2))

    def function(x: torch.Tensor) -> Any:
        return (
            x.unsqueeze(dim),
            x.squeeze(),
            x.squeeze(dim),
            x.transpose(dim, other),
            x.movedim(dim, other),
            x.mT,
            x.flatten(min(dim % x.dim(), other % x.dim()), max(dim % x.dim(), other % x.dim())),
            x.unflatten(dim, (1, -1)),
            x.view_as(x * 1),
        )

    check_from(28, function, [x], level, image=image)


@given(floats(), levels, st.booleans())
def test_what_changes_nothing(x: torch.Tensor, level: int, image: bool) -> None:
    def function(x: torch.Tensor) -> Any:
        y = x * 2
        return y, y.clone(), y.contiguous(), y.detach(), x, y

    check_from(28 if image else 27, function, [x], level, image=image)


@pytest.mark.parametrize(
    ("shape", "view", "order", "transposes"),
    [
        ((2, 8, 60), (2, 8, 4, 15), (0, 2, 1, 3), 1),  # the heads of attention
        (
            (2, 8, 60),
            (2, 8, 3, 4, 5),
            (2, 0, 3, 1, 4),
            2,
        ),  # and with queries, keys and values in one
        ((2, 8, 6, 10), (2, 4, 2, 3, 2, 10), (0, 1, 3, 2, 4, 5), 1),  # the windows of an image
        ((2, 6, 5, 4), (2, 2, 3, 5, 4), (0, 2, 1, 3, 4), 1),  # a channel shuffle
    ],
)
def test_high_ranks_take_few_transposes(
    shape: tuple[int, ...], view: tuple[int, ...], order: tuple[int, ...], transposes: int
) -> None:
    outcome = check_lowering(Case(lambda x: x.view(view).permute(order), (torch.randn(shape),), 28))
    assert outcome.converted is not None, outcome.reasons
    (lowered,) = outcome.converted.contents.lowered.values()
    names = [operation.spec.name for operation in lowered.model.operations]
    assert names.count("TRANSPOSE") == transposes, names
