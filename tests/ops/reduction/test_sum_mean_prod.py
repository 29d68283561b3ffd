"""Sums, means and products over dimensions."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nnapi_core.conversion.convert import convert
from nnapi_core.testing import Case, check_lowering
from tests.ops.lowering_strategies import check_from, floats, integers, levels
from tests.ops.reduction.reductions import Drawn, reductions


@pytest.mark.parametrize("name", ["mean", "sum"])
@given(reductions(floats()), levels, st.booleans())
def test_mean_and_sum(name: str, drawn: Drawn, level: int, image: bool) -> None:
    x, dims, keepdim = drawn
    magnitude = float(x.abs().max()) * (x.numel() if name == "sum" else 1)

    def function(x: torch.Tensor) -> Any:
        return getattr(x, name)(dims, keepdim), getattr(x, name)()

    check_from(28, function, [x], level, image=image, terms=x.numel(), magnitude=magnitude)


@given(floats(min_rank=4, max_rank=4, dtypes=[torch.float32]), st.booleans(), levels)
def test_mean_over_an_image_is_as_old_as_nnapi(x: torch.Tensor, keepdim: bool, level: int) -> None:
    check_from(
        27, lambda x: x.mean((2, 3), keepdim), [x], level, image=True, terms=16, magnitude=4.0
    )


def with_products_in_range(x: torch.Tensor) -> torch.Tensor:
    """The elements, nearer to 1 where the product of some of them would be denormal.

    Torch multiplies float16 in float16: a product on the way that has lost its digits is no measure for another's.
    """
    powers = x.double().log2()
    most = -math.log2(torch.finfo(x.dtype).tiny) - 1
    return (powers * min(1.0, most / (float(powers.abs().sum()) or 1.0))).exp2().to(x.dtype)


@given(reductions(floats(low=0.5, high=1.5)), levels, st.booleans())
def test_prod(drawn: Drawn, level: int, image: bool) -> None:
    x, dims, keepdim = drawn
    x = with_products_in_range(x)
    dim = dims[0] if dims else 0
    check_from(
        29, lambda x: (x.prod(dim, keepdim), x.prod()), [x], level, image=image, terms=x.numel()
    )


@given(reductions(integers(low=-99, high=99)), levels)
def test_sums_of_small_integers(drawn: Drawn, level: int) -> None:
    x, dims, keepdim = drawn

    def function(x: torch.Tensor) -> Any:
        small = x.clamp(-99, 99)
        return small.sum(dims, keepdim), (x > 0).sum(dims), x.count_nonzero(), small.float().mean()

    check_from(29, function, [x], level, terms=256)


@settings(max_examples=10)
@given(reductions(integers(low=-(2**22), high=2**22)), levels)
def test_sums_of_integers_that_are_known_to_fit_int32(drawn: Drawn, level: int) -> None:
    x, dims, keepdim = drawn
    most = 2**31 // max(x.numel(), 1) - 1

    def function(x: torch.Tensor) -> Any:
        return x.clamp(-most, most).sum(dims, keepdim)

    check_from(30, function, [x.mul(2**31 // 2**22)], level)


@pytest.mark.parametrize("count", [511, 4096])
def test_the_largest_sums(count: int) -> None:
    most = 2**31 // count - 1
    x = torch.randint(-most, most, (3, count))
    x[0], x[1] = most, -most
    case = Case(lambda x: x.clamp(-most, most).sum(1), (x,), 30)
    assert check_lowering(case).supported


def test_integers_that_floats_may_not_hold_are_refused() -> None:
    outcome = check_lowering(Case(lambda x: x.sum(), (torch.ones(3, dtype=torch.int32),)))
    assert not outcome.supported
    assert "2**24" in outcome.reasons[0]
    assert "x.float().sum()" in outcome.reasons[0]


def test_reductions_of_nothing_are_constants() -> None:
    empty = torch.ones(2, 0)
    outcome = check_lowering(
        Case(lambda x, y: y + x.sum(1) + x.prod(1), (empty, torch.ones(2)), 28)
    )
    assert outcome.supported


@pytest.mark.parametrize("shape", [(4, 4, 4, 4, 4), (4, 3, 4, 3, 1), (1, 4, 2, 1, 4)])
def test_products_of_float16_on_their_way_out_of_its_range_and_back(shape: tuple[int, ...]) -> None:
    """Nearer to the exact one than torch's, which multiplies denormal numbers."""
    generator = torch.Generator().manual_seed(3)
    x = torch.where(torch.rand(shape, generator=generator) < 0.5, 0.5, 2.0).half()
    x = torch.cat([x.sort(-1)[0].flatten(), 1 / x.flatten()]).reshape(2, *shape)[:, 0]

    class Product(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.prod()

    made = convert(Product(), (x,))(x)
    assert abs(float(made) - float(x.double().prod())) <= float(made) * 2**-10


@given(st.sampled_from(["sum", "mean", "amax"]), st.sampled_from([40000.0, 60000.0, 1e-7]), levels)
def test_dimensions_apart_in_float16(name: str, large: float, level: int) -> None:
    """They are reduced one after the other: the sums between may be larger than float16 holds."""
    x = torch.full((2, 2, 1, 2, 2), large, dtype=torch.float16)
    x[1] *= -1
    check_from(29, lambda x: getattr(x, name)((0, 2, 4)), [x], level, terms=8)
