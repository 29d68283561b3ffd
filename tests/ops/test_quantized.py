"""Every lowering in integers: random scales, zero points and shapes, within one step of the graph itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from attrs import frozen
from hypothesis import given, settings
from torch import nn

import nnapi_core
from nnapi_core.graph.quantized import Integers

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


@EXAMPLES
@given(
    data=st.data(),
    dtype=dtypes,
    level=levels,
    seed=seeds,
    kind=st.sampled_from(["plain", "depthwise", "grouped", "line"]),
    by_channel=st.booleans(),
    has_bias=st.booleans(),
    relu=st.booleans(),
)
def test_convolutions(
    data: st.DataObject,
    dtype: torch.dtype,
    level: int,
    seed: int,
    kind: str,
    by_channel: bool,
    has_bias: bool,
    relu: bool,
) -> None:
    torch.manual_seed(seed)
    stride, padding = data.draw(st.integers(1, 2)), data.draw(st.integers(0, 1))
    groups = {"plain": 1, "depthwise": 4, "grouped": 2, "line": 1}[kind]
    weight = torch.randn(8, 4 // groups, 3, *([] if kind == "line" else [3]))
    op = F.conv1d if kind == "line" else F.conv2d

    def product(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor | None) -> torch.Tensor:
        y = op(x, w, b, stride, padding, 1, groups)
        return F.relu(y) if relu else y

    layer = WithWeights(
        product, weight, torch.randn(8) if has_bias else None, 0 if by_channel else None
    )
    given_ = data.draw(grids(dtype))
    shape = (2, 4, 9) if kind == "line" else (2, 4, 9, 7)
    reasons = sandwich(layer, [given_], [shape], seed, level)
    assert not reasons or (by_channel and level < 29) or level == 27


@EXAMPLES
@given(
    data=st.data(),
    dtype=dtypes,
    level=levels,
    seed=seeds,
    has_bias=st.booleans(),
    rank=st.integers(1, 3),
)
def test_linear(
    data: st.DataObject, dtype: torch.dtype, level: int, seed: int, has_bias: bool, rank: int
) -> None:
    torch.manual_seed(seed)
    layer = WithWeights(F.linear, torch.randn(5, 6), torch.randn(5) if has_bias else None, None)
    shape = (3, 2, 6)[3 - rank :]
    assert not sandwich(layer, [data.draw(grids(dtype))], [shape], seed, level)


@EXAMPLES
@given(data=st.data(), dtype=dtypes, level=st.sampled_from((29, 30)), seed=seeds, by=st.booleans())
def test_transposed_convolutions(
    data: st.DataObject, dtype: torch.dtype, level: int, seed: int, by: bool
) -> None:
    torch.manual_seed(seed)

    def product(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor | None) -> torch.Tensor:
        return F.conv_transpose2d(x, w, b, stride=2, padding=1)

    layer = WithWeights(product, torch.randn(4, 6, 3, 3), torch.randn(6), 1 if by else None)
    assert not sandwich(layer, [data.draw(grids(dtype))], [(1, 4, 5, 6)], seed, level)


BINARY = {"add": torch.add, "sub": torch.sub, "mul": torch.mul}
SHAPES = [((2, 3, 4, 5), (2, 3, 4, 5)), ((2, 3, 4, 5), (3, 1, 1)), ((4, 5), (5,)), ((3,), (2, 1))]


@EXAMPLES
@given(
    data=st.data(),
    dtype=dtypes,
    level=levels,
    seed=seeds,
    name=st.sampled_from(sorted(BINARY)),
    shapes=st.sampled_from(SHAPES),
    relu=st.booleans(),
)
def test_arithmetic(
    data: st.DataObject,
    dtype: torch.dtype,
    level: int,
    seed: int,
    name: str,
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
    relu: bool,
) -> None:
    def function(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        y = BINARY[name](a, b)
        return F.relu(y) if relu else y

    given_ = [data.draw(grids(dtype)), data.draw(grids(dtype))]
    reasons = sandwich(function, given_, list(shapes), seed, level)
    if level >= 29 and name != "mul":
        assert not reasons


@EXAMPLES
@given(
    data=st.data(),
    dtype=dtypes,
    level=levels,
    seed=seeds,
    name=st.sampled_from(["add", "mul", "sub"]),
    number=st.floats(-4, 4).filter(lambda x: abs(x) > 0.05),
)
def test_arithmetic_with_numbers(
    data: st.DataObject, dtype: torch.dtype, level: int, seed: int, name: str, number: float
) -> None:
    sandwich(lambda a: BINARY[name](a, number), [data.draw(grids(dtype))], [(2, 3, 4)], seed, level)


# Functions whose results keep the scale of their input, and the level from which they are in integers.
KEEP: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], int]] = {
    "max_pool": (lambda x: F.max_pool2d(x, 3, 2, 1), 27),
    "avg_pool": (lambda x: F.avg_pool2d(x, 2), 27),
    "avg_pool padded": (lambda x: F.avg_pool2d(x, 3, 2, 1), 29),
    "adaptive": (lambda x: F.adaptive_avg_pool2d(x, 1), 27),
    "mean": (lambda x: x.mean((2, 3)), 28),
    "mean kept": (lambda x: x.mean((1,), True), 28),
    "relu": (F.relu, 27),
    "relu6": (F.relu6, 27),
    "view": (lambda x: x.reshape(x.shape[0], -1), 27),
    "permute": (lambda x: x.permute(0, 2, 3, 1), 28),
    "transpose": (lambda x: x.transpose(1, 2), 28),
    "slice": (lambda x: x[:, 1:3], 28),
    "stepped slice": (lambda x: x[:, :, ::2], 28),
    "select": (lambda x: x[:, 0], 28),
    "pad": (lambda x: F.pad(x, (1, 2, 0, 1)), 29),
    "nearest": (lambda x: F.interpolate(x, scale_factor=2), 29),
    "bilinear": (lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), 30),
    "corners": (
        lambda x: F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True),
        30,
    ),
    "shuffle": (lambda x: F.pixel_shuffle(x, 2), 27),
    "repeat": (lambda x: x.repeat(1, 2, 1, 1), 29),
    "flip": (lambda x: x.flip(2), 29),
}


@pytest.mark.parametrize("name", sorted(KEEP))
@settings(max_examples=6, deadline=None)
@given(data=st.data(), dtype=dtypes, level=levels, seed=seeds, same=st.booleans())
def test_the_scale_of_the_input(
    name: str, data: st.DataObject, dtype: torch.dtype, level: int, seed: int, same: bool
) -> None:
    function, since = KEEP[name]
    grid = data.draw(grids(dtype))
    reasons = sandwich(function, [grid], [(2, 4, 6, 6)], seed, level, grid if same else None)
    assert not reasons or level < since or not same


FIXED: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], float, int, int]] = {
    "sigmoid": (torch.sigmoid, 1 / 256, 0, 27),
    "tanh": (torch.tanh, 1 / 128, 128, 29),
    "softmax": (lambda x: x.softmax(-1), 1 / 256, 0, 27),
    "softmax 1": (lambda x: x.softmax(1), 1 / 256, 0, 29),
}


@pytest.mark.parametrize("name", sorted(FIXED))
@settings(max_examples=6, deadline=None)
@given(data=st.data(), dtype=dtypes, level=levels, seed=seeds, given_scale=st.booleans())
def test_fixed_scales(
    name: str, data: st.DataObject, dtype: torch.dtype, level: int, seed: int, given_scale: bool
) -> None:
    function, scale, zero, since = FIXED[name]
    grid = data.draw(grids(dtype))
    fixed = Grid(scale, zero - (128 if dtype is torch.int8 else 0), dtype)
    reasons = sandwich(
        function, [grid], [(2, 3, 4, 5)], seed, level, fixed if given_scale else None
    )
    assert not reasons or level < since or not given_scale


@EXAMPLES
@given(data=st.data(), dtype=dtypes, level=levels, seed=seeds, same=st.booleans())
def test_cat(data: st.DataObject, dtype: torch.dtype, level: int, seed: int, same: bool) -> None:
    first = data.draw(grids(dtype))
    second = first if same else data.draw(grids(dtype))
    reasons = sandwich(
        lambda a, b: torch.cat([a, b], 1),
        [first, second],
        [(2, 3, 4, 4), (2, 2, 4, 4)],
        seed,
        level,
    )
    assert not reasons or level < 29


@EXAMPLES
@given(data=st.data(), dtype=dtypes, level=levels, seed=seeds)
def test_hardswish_and_prelu(
    data: st.DataObject, dtype: torch.dtype, level: int, seed: int
) -> None:
    grid = data.draw(grids(dtype))
    reasons = sandwich(F.hardswish, [grid], [(2, 3, 4, 5)], seed, level)
    assert not reasons or level < 30
    slopes = data.draw(grids(dtype))
    sandwich(F.prelu, [grid, slopes], [(2, 3, 4, 5), (3,)], seed, level)


@EXAMPLES
@given(data=st.data(), dtype=dtypes, seed=seeds, level=st.sampled_from((29, 30, 1000006)))
def test_products_of_activations(
    data: st.DataObject, dtype: torch.dtype, seed: int, level: int
) -> None:
    given_ = [data.draw(grids(dtype)), data.draw(grids(dtype))]
    reasons = sandwich(torch.matmul, given_, [(2, 3, 4), (2, 4, 5)], seed, level)
    assert not reasons or level < 1000006 or dtype is torch.uint8


@EXAMPLES
@given(data=st.data(), dtype=dtypes, level=st.sampled_from((29, 30)), seed=seeds)
def test_places_of_extremes(data: st.DataObject, dtype: torch.dtype, level: int, seed: int) -> None:
    grid = data.draw(grids(dtype))
    x = grid.sample((3, 20), seed)
    module = Sandwich(lambda a: a, [grid], grid)
    module.forward = lambda a: grid.rounded(a).argmax(1)  # type: ignore[method-assign]
    converted = nnapi_core.convert(module, (x,), feature_level=level)
    rounded = grid.rounded(x)
    assert torch.equal(rounded.gather(1, converted(x)[:, None])[:, 0], rounded.amax(1))


@EXAMPLES
@given(data=st.data(), level=st.sampled_from((29, 30)), seed=seeds)
def test_a_part_of_the_range_is_not_taken_for_the_whole(
    data: st.DataObject, level: int, seed: int
) -> None:
    grid = data.draw(grids(torch.uint8))

    class Narrow(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seven = quantized.quantize_per_tensor(
                x, grid.scale, grid.zero_point, 0, 127, torch.uint8
            )
            return quantized.dequantize_per_tensor(
                seven, grid.scale, grid.zero_point, 0, 127, torch.uint8
            ).relu()

    x = grid.sample((3, 4), seed)
    converted = nnapi_core.convert(Narrow(), (x,), feature_level=level)
    torch.testing.assert_close(converted(x), Narrow()(x))


# Functions that nobody thought of in integers: right all the same, in integers or as islands.
OTHERS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "gelu": F.gelu, "silu": F.silu, "mish": F.mish, "elu": F.elu, "softplus": F.softplus,
    "hardsigmoid": F.hardsigmoid, "leaky_relu": lambda x: F.leaky_relu(x, 0.1), "abs": torch.abs,
    "neg": torch.neg, "square": torch.square, "exp": lambda x: torch.exp(x * 0.01),
    "sin": torch.sin, "floor": torch.floor, "ceil": torch.ceil, "trunc": torch.trunc,
    "round": torch.round, "frac": torch.frac, "nan_to_num": torch.nan_to_num,
    "threshold": lambda x: F.threshold(x, 0.5, 0.2), "remainder": lambda x: x.remainder(1.5),
    "clamp": lambda x: x.clamp(-1.0, 2.0),
    "clamp_min": lambda x: x.clamp_min(0.3), "log_softmax": lambda x: x.log_softmax(-1),
    "layer_norm": lambda x: F.layer_norm(x, x.shape[1:]), "group_norm": lambda x: F.group_norm(x, 2),
    "normalize": lambda x: F.normalize(x + 0.01, dim=1), "sum": lambda x: x.sum(1),
    "amax": lambda x: x.amax((2, 3)), "var": lambda x: x.var(1), "cumsum": lambda x: x.cumsum(1),
    "sort": lambda x: x.sort(1).values, "topk": lambda x: x.topk(2, 1).values,
    "roll": lambda x: x.roll(1, 2), "stack": lambda x: torch.stack([x, x + 1.0], 1),
    "maximum": lambda x: torch.maximum(x, x.flip(2)), "minimum": lambda x: torch.minimum(x, x * 0.5),
    "where": lambda x: torch.where(x > 0.5, x, x * 0.25),
    "masked_fill": lambda x: x.masked_fill(x < 0, 0.7),
    "div": lambda x: x / 3.0, "rsub": lambda x: 1.0 - x, "addcmul": lambda x: torch.addcmul(x, x, x),
    "lerp": lambda x: torch.lerp(x, x.flip(1), 0.3), "index": lambda x: x[:, [2, 0, 1]],
    "pad with a number": lambda x: F.pad(x, (1, 1), value=0.4),
    "reflect": lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"),
    "lp_pool": lambda x: F.lp_pool2d(x.abs(), 2, 2),
    "bicubic": lambda x: F.interpolate(x, scale_factor=2, mode="bicubic"),
    "outer": lambda x: x[:, :1] * x, "matmul": lambda x: x @ x.mT, "prod": lambda x: (x * 0.1).prod(1),
    "glu": lambda x: F.glu(x, 1), "sign": torch.sign, "pow": lambda x: x**3, "unfold": lambda x: F.unfold(x, 2),
    "batch_norm": lambda x: F.batch_norm(x, torch.arange(4.0), torch.arange(1.0, 5.0)),
    "twice": lambda x: (x + 0.3) * 0.7, "split": lambda x: torch.cat(x.split(2, 1)[::-1], 1),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(OTHERS))
@settings(max_examples=3, deadline=None)
@given(data=st.data(), dtype=dtypes, level=st.sampled_from((28, 29, 30, 1000006)), seed=seeds)
def test_other_functions(
    name: str, data: st.DataObject, dtype: torch.dtype, level: int, seed: int
) -> None:
    sandwich(OTHERS[name], [data.draw(grids(dtype))], [(2, 4, 6, 6)], seed, level)
