"""What the tests of lowerings draw: tensors of every rank and order, and checks from which level on they work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from hypothesis import settings
from hypothesis import strategies as st
from torch.nn import functional

from nnapi_core.testing import Case, Outcome, check_lowering, feature_levels, shapes, tensors

# For tests that run once for each of many functions.
few = settings(max_examples=max(settings().max_examples // 4, 4))


def after_image(x: torch.Tensor) -> torch.Tensor:
    """The same tensor, out of an operator on images: what follows finds it lying channels last."""
    return functional.avg_pool2d(x, 1)


@st.composite
def floats(
    draw: st.DrawFn,
    *,
    min_rank: int = 0,
    max_rank: int = 5,
    max_side: int = 4,
    low: float = -4.0,
    high: float = 4.0,
    dtypes: Sequence[torch.dtype] = (torch.float32, torch.float32, torch.float16),
) -> torch.Tensor:
    """A tensor of float32, or now and then of float16."""
    shape = draw(shapes(min_rank=min_rank, max_rank=max_rank, max_side=max_side))
    dtype = draw(st.sampled_from(dtypes))
    return draw(tensors(shape=shape, dtype=dtype, low=low, high=high))


@st.composite
def integers(
    draw: st.DrawFn, *, min_rank: int = 1, max_rank: int = 4, low: int = -9, high: int = 9
) -> torch.Tensor:
    """A tensor of int32 or int64."""
    shape = draw(shapes(min_rank=min_rank, max_rank=max_rank, max_side=4))
    dtype = draw(st.sampled_from([torch.int32, torch.int64]))
    return draw(tensors(shape=shape, dtype=dtype, low=low, high=high))


@st.composite
def with_dim(draw: st.DrawFn, tensors: st.SearchStrategy[torch.Tensor]) -> tuple[torch.Tensor, int]:
    """A tensor and a dimension of it, which may be negative."""
    x = draw(tensors)
    return x, draw(st.integers(-x.dim(), x.dim() - 1))


@st.composite
def broadcasting(
    draw: st.DrawFn,
    *,
    count: int = 2,
    low: float = -4.0,
    high: float = 4.0,
    dtype: torch.dtype = torch.float32,
    max_rank: int = 4,
    max_side: int = 4,
) -> list[torch.Tensor]:
    """Tensors whose shapes broadcast: each has the common shape's last dimensions, some of them as 1."""
    shape = draw(shapes(max_rank=max_rank, max_side=max_side))
    drawn = []
    for _ in range(count):
        rank = draw(st.integers(0, len(shape)))
        kept = [size if draw(st.booleans()) else 1 for size in shape[len(shape) - rank :]]
        drawn.append(draw(tensors(shape=kept, dtype=dtype, low=low, high=high)))
    return drawn


def check_from(
    least: int,
    function: Callable[..., Any],
    args: Sequence[torch.Tensor],
    level: int,
    *,
    image: bool = False,
    **options: Any,
) -> None:
    """Right from feature level ``least`` on, and refused below; float16 begins with 29.

    ``image`` lets 4-D arguments arrive channels last.
    """
    if image:
        bare = function

        def function(*given: torch.Tensor) -> Any:
            return bare(*(after_image(x) if is_image(x) else x for x in given))

    outcome = check_lowering(Case(function, args, level, **options))
    if any(x.dtype == torch.float16 for x in args):
        least = max(least, 29)
    if level >= least:
        assert outcome.supported, outcome.reasons
    elif not outcome.supported:
        assert outcome.reasons


def operations(outcome: Outcome) -> dict[str, int]:
    """How often each NNAPI operation is in what was converted."""
    assert outcome.converted is not None, outcome.reasons
    return outcome.converted.report.operations


def is_image(x: torch.Tensor) -> bool:
    return x.dim() == 4 and x.dtype.is_floating_point


levels = feature_levels()
