"""Functions between ``dequantize`` and ``quantize``: computed in integers within one step of the graph itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
from attrs import frozen
from hypothesis import settings
from torch import nn

import nnapi_core
from nnapi_core.graph.quantised.quantize_calls import Integers

quantized = pytest.importorskip("torch.ao.quantization.fx._decomposed") and (
    torch.ops.quantized_decomposed
)

LEVELS = (27, 28, 29, 30)

EXAMPLES = settings(max_examples=12, deadline=None)


@frozen
class Grid:
    """A scale and a zero point."""

    scale: float
    zero_point: int
    dtype: torch.dtype

    @property
    def arguments(self) -> tuple[Any, ...]:
        low, high = (0, 255) if self.dtype is torch.uint8 else (-128, 127)
        return Integers(self.scale, self.zero_point, low, high, self.dtype).arguments

    def rounded(self, x: torch.Tensor) -> torch.Tensor:
        integers = quantized.quantize_per_tensor(x, *self.arguments)
        return quantized.dequantize_per_tensor(integers, *self.arguments)

    def sample(self, shape: tuple[int, ...], seed: int) -> torch.Tensor:
        """Numbers of the whole range, some beyond it; none lies so near the middle of two integers that it could
        become either, which a steep function would make many steps of."""
        low = self.arguments[2]
        generator = torch.Generator().manual_seed(seed)
        integers = torch.randint(low - 5, low + 261, shape, generator=generator)
        between = torch.rand(shape, generator=generator) * 0.98 - 0.49
        return (integers - self.zero_point + between) * self.scale

    @classmethod
    def holding(cls, x: torch.Tensor, dtype: torch.dtype, share: float = 1.0) -> Grid:
        """As an observer would choose it; ``share`` of the range, so that the rest is clamped."""
        low = min(float(x.min()), 0.0) * share
        high = max(float(x.max()), 0.0) * share
        scale = max(high - low, 1e-3) / 255
        zero = round(-low / scale)
        return cls(scale, zero - (128 if dtype is torch.int8 else 0), dtype)


@st.composite
def grids(draw: st.DrawFn, dtype: torch.dtype) -> Grid:
    zero_point = draw(st.integers(0, 255)) - (128 if dtype is torch.int8 else 0)
    return Grid(draw(st.floats(1e-3, 0.5)), zero_point, dtype)


class Sandwich(nn.Module):
    """``dequantize``, a function, ``quantize``."""

    def __init__(self, function: Callable[..., torch.Tensor], given: list[Grid], out: Grid) -> None:
        super().__init__()
        self.function, self.given, self.out = function, given, out

    def forward(self, *args: torch.Tensor) -> torch.Tensor:
        rounded = [grid.rounded(x) for grid, x in zip(self.given, args, strict=True)]
        return self.out.rounded(self.function(*rounded))


class WithWeights(nn.Module):
    """A layer whose weight is int8 behind ``dequantize``, as PT2E writes it."""

    def __init__(
        self,
        product: Callable[..., torch.Tensor],
        weight: torch.Tensor,
        bias: Any,
        axis: int | None,
    ) -> None:
        super().__init__()
        self.product, self.axis = product, axis
        dims = [dim for dim in range(weight.dim()) if dim != axis] if axis is not None else None
        largest = weight.abs().amax(dims) if dims is not None else weight.abs().amax()
        scale = largest.clamp_min(1e-3) / 127
        shape = [1] * weight.dim()
        if axis is not None:
            shape[axis] = -1
        integers = torch.round(weight / scale.reshape(shape)).to(torch.int8)
        self.register_buffer("integers", integers)
        self.register_buffer("scale", scale)
        self.register_buffer("zeros", torch.zeros_like(scale, dtype=torch.int64))
        self.bias = None if bias is None else nn.Parameter(bias)
        self.number = float(scale) if axis is None else 0.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.axis is None:
            weight = quantized.dequantize_per_tensor(
                self.integers, self.number, 0, -127, 127, torch.int8
            )
        else:
            weight = quantized.dequantize_per_channel(
                self.integers, self.scale, self.zeros, self.axis, -127, 127, torch.int8
            )
        return self.product(x, weight, self.bias)


def check(module: nn.Module, args: tuple[torch.Tensor, ...], out: Grid, level: int) -> list[str]:
    """Within one step of the graph; returns why it was not computed in integers."""
    with torch.no_grad():
        expected = module(*args)
    converted = nnapi_core.convert(module.eval(), args, feature_level=level)
    steps = ((converted(*args) - expected).abs() / out.scale).round()
    assert int(steps.max()) <= 1, f"{int(steps.max())} steps off at level {level}"
    islands = converted.report.float_islands()
    return [row.reason for row in islands if "quantize" not in row.target]


def sandwich(
    function: Callable[..., torch.Tensor],
    given: list[Grid],
    shapes: list[tuple[int, ...]],
    seed: int,
    level: int,
    out: Grid | None = None,
) -> list[str]:
    args = tuple(
        grid.sample(shape, seed + i)
        for i, (grid, shape) in enumerate(zip(given, shapes, strict=True))
    )
    if out is None:
        with torch.no_grad():
            result = function(*(grid.rounded(x) for grid, x in zip(given, args, strict=True)))
        out = Grid.holding(result, given[0].dtype, 0.95)
    return check(Sandwich(function, given, out).eval(), args, out, level)


dtypes = st.sampled_from([torch.uint8, torch.int8])

levels = st.sampled_from(LEVELS)

seeds = st.integers(0, 2**16)
