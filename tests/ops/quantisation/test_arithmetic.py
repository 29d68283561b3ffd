"""Sums, differences and products in integers."""

from __future__ import annotations

import hypothesis.strategies as st
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given

from tests.ops.quantisation.between_dequantize_and_quantize import (
    EXAMPLES,
    dtypes,
    grids,
    levels,
    sandwich,
    seeds,
)

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
