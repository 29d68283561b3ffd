"""Random networks of free sizes are right at sizes drawn from the range, or refused."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import event, given
from hypothesis import strategies as st
from torch import nn
from torch.export import Dim

import nnapi_core
from nnapi_core import ConversionError
from tests.core.flexible.networks import CHANNELS, Chain, image_networks, sequence_networks

BATCH = Dim("batch", min=1, max=5)
HEIGHT, WIDTH = Dim("height", min=6, max=30), Dim("width", min=6, max=30)
LENGTH = Dim("length", min=1, max=20)


def converted(module: nn.Module, example: torch.Tensor, dims: dict[int, Any]) -> Any:
    """None where it is refused."""
    try:
        return nnapi_core.convert(module, (example,), dynamic_shapes=(dims,), feature_level=1000006)
    except ConversionError as refusal:
        event(f"refused: {str(refusal)[:60]}")
        return None


def check(model: Any, module: nn.Module, shapes: list[tuple[int, ...]]) -> None:
    for shape in shapes:
        x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            expected = module(x)
        torch.testing.assert_close(model(x), expected, rtol=1e-4, atol=1e-4)


@st.composite
def image_cases(draw: st.DrawFn) -> tuple[Chain, dict[int, Any], list[tuple[int, ...]]]:
    module = draw(image_networks())
    dims = {0: BATCH, 2: HEIGHT, 3: WIDTH}
    free = draw(st.sets(st.sampled_from([0, 2, 3]), min_size=1))

    def size(dim: int, least: int, most: int) -> int:
        return draw(st.integers(least, most)) if dim in free else 12

    shapes = [
        (size(0, 1, 5) if 0 in free else 2, CHANNELS, size(2, 6, 30), size(3, 6, 30))
        for _ in range(4)
    ]
    return module, {dim: one for dim, one in dims.items() if dim in free}, shapes


@given(image_cases())
def test_networks_of_images(case: tuple[Chain, dict[int, Any], list[tuple[int, ...]]]) -> None:
    module, dims, shapes = case
    model = converted(module, torch.randn(2, CHANNELS, 12, 12), dims)
    if model is not None:
        check(model, module, shapes)


@st.composite
def sequence_cases(draw: st.DrawFn) -> tuple[Chain, dict[int, Any], list[tuple[int, ...]]]:
    module = draw(sequence_networks())
    free = draw(st.sets(st.sampled_from([0, 1]), min_size=1))
    shapes = [
        (
            draw(st.integers(1, 5)) if 0 in free else 2,
            draw(st.integers(1, 20)) if 1 in free else 7,
            8,
        )
        for _ in range(4)
    ]
    return module, {dim: one for dim, one in {0: BATCH, 1: LENGTH}.items() if dim in free}, shapes


@given(sequence_cases())
def test_networks_of_sequences(case: tuple[Chain, dict[int, Any], list[tuple[int, ...]]]) -> None:
    module, dims, shapes = case
    model = converted(module, torch.randn(2, 7, 8), dims)
    if model is not None:
        check(model, module, shapes)
