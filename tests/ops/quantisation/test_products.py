"""Convolutions and products of matrices in integers."""

from __future__ import annotations

import hypothesis.strategies as st
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given

from tests.ops.quantisation.between_dequantize_and_quantize import (
    EXAMPLES,
    WithWeights,
    dtypes,
    grids,
    levels,
    sandwich,
    seeds,
)


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


@EXAMPLES
@given(data=st.data(), dtype=dtypes, seed=seeds, level=st.sampled_from((29, 30, 1000006)))
def test_products_of_activations(
    data: st.DataObject, dtype: torch.dtype, seed: int, level: int
) -> None:
    given_ = [data.draw(grids(dtype)), data.draw(grids(dtype))]
    reasons = sandwich(torch.matmul, given_, [(2, 3, 4), (2, 4, 5)], seed, level)
    assert not reasons or level < 1000006 or dtype is torch.uint8
