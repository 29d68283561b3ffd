"""Hypothesis strategies that build valid cases. All of them shrink towards small shapes and small, round values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import FEATURE_LEVELS


def shapes(
    *, min_rank: int = 1, max_rank: int = 4, min_side: int = 1, max_side: int = 6
) -> st.SearchStrategy[tuple[int, ...]]:
    """Torch shapes; shrinks towards low rank and side ``min_side``."""
    side = st.integers(min_side, max_side)
    return st.lists(side, min_size=min_rank, max_size=max_rank).map(tuple)


@st.composite
def tensors(
    draw: st.DrawFn,
    *,
    shape: Sequence[int] | None = None,
    min_rank: int = 1,
    max_rank: int = 4,
    max_side: int = 6,
    dtype: torch.dtype = torch.float32,
    low: float = -4.0,
    high: float = 4.0,
) -> torch.Tensor:
    """A tensor with values in ``[low, high]``, contiguous or laid out otherwise.

    Values come from a drawn seed (a tensor of drawn numbers would shrink for ever); seed 0 is a ramp of round numbers.
    """
    drawn = tuple(shape) if shape is not None else None
    if drawn is None:
        drawn = draw(shapes(min_rank=min_rank, max_rank=max_rank, max_side=max_side))
    seed = draw(st.integers(0, 2**16))
    return laid_out(_filled(drawn, seed, dtype, low, high), draw(memory_layouts(len(drawn))))


def _filled(
    shape: tuple[int, ...], seed: int, dtype: torch.dtype, low: float, high: float
) -> torch.Tensor:
    count = math.prod(shape)
    generator = torch.Generator().manual_seed(seed)
    if dtype is torch.bool:
        flat = torch.arange(count) % 2 == 1 if seed == 0 else _random(count, generator) > 0.5
        return flat.reshape(shape)
    unit = torch.arange(count) % 9 / 8 if seed == 0 else _random(count, generator)
    values = low + (high - low) * unit.double()
    if not dtype.is_floating_point:
        values = values.round()
    return values.to(dtype).reshape(shape)


def _random(count: int, generator: torch.Generator) -> torch.Tensor:
    return torch.rand(count, generator=generator)


def memory_layouts(rank: int) -> st.SearchStrategy[str]:
    """How a tensor lies in memory: contiguous, transposed, or channels last."""
    kinds = ["contiguous"]
    if rank >= 2:
        kinds.append("transposed")
    if rank == 4:
        kinds.append("channels_last")
    return st.sampled_from(kinds)


def laid_out(tensor: torch.Tensor, layout: str) -> torch.Tensor:
    """The same values and shape, lying in memory as ``layout`` says."""
    if layout == "transposed":
        return tensor.transpose(-1, -2).contiguous().transpose(-1, -2)
    if layout == "channels_last":
        return tensor.contiguous(memory_format=torch.channels_last)
    return tensor.contiguous()


def images(
    *,
    channels: st.SearchStrategy[int] | None = None,
    min_side: int = 1,
    max_side: int = 12,
    max_batch: int = 2,
    dtype: torch.dtype = torch.float32,
) -> st.SearchStrategy[torch.Tensor]:
    """NCHW tensors."""
    sides = st.integers(min_side, max_side)
    dims: Any = st.tuples(st.integers(1, max_batch), channels or st.integers(1, 8), sides, sides)
    return dims.flatmap(lambda shape: tensors(shape=shape, dtype=dtype))  # type: ignore[no-any-return]


def torch_dims(rank: int) -> st.SearchStrategy[int]:
    """A dim as torch takes it, negative ones included."""
    return st.integers(-rank, rank - 1).map(int)


def feature_levels(least: int = 27) -> st.SearchStrategy[int]:
    return st.sampled_from([level for level in FEATURE_LEVELS if level >= least][::-1])
