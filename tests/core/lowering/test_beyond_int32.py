"""Integers that torch makes and NNAPI's int32 does not hold: the conversion is right, whatever hides them later."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from nnapi_core.conversion.convert import convert
from nnapi_core.errors import ConversionError
from nnapi_core.nnapi.opset import FEATURE_LEVELS
from tests.core.artifact.every_form import check_everywhere

Step = Callable[[Tensor], Tensor]
# Of floats, and of integers.
MADE: list[Step] = [
    lambda x: torch.log(x.float()).long(),
    lambda x: (1 / x.float()).to(torch.int64),
    lambda x: (x.double() / 0).long(),
    lambda x: torch.sqrt(x.float()).type_as(x),
    lambda x: x * 2654435761 + 12345,
    lambda x: (x + 3) ** 21,
    lambda x: x.abs() << 40,
    lambda x: x + torch.tensor(2**40),
]
HIDDEN: list[Step] = [
    lambda n: torch.where(n > 40, 40, n).clamp(min=-2),
    lambda n: n.clamp(0, 5) * 2,
    lambda n: torch.minimum(n, torch.full_like(n, 7)).maximum(torch.tensor(-1)),
    lambda n: n % 1024,
    lambda n: (n > 3) & (n < 2**33),
    lambda n: n.clamp_max(9).float().relu(),
    lambda n: n.argmax(-1) + 1,
    lambda n: torch.cat([n, n]).abs().clamp(0, 3),
]


class Hiding(nn.Module):
    """Makes integers of any size, then smaller ones of them, and looks these up."""

    def __init__(self, made: Step, hidden: Step) -> None:
        super().__init__()
        self.made, self.hidden = made, hidden
        self.table = nn.Embedding(8, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        small = self.hidden(self.made(x))
        return small, small * 2, self.table(small.long().clamp(0, 7)), torch.relu(x + 1)


@given(
    st.sampled_from(MADE),
    st.sampled_from(HIDDEN),
    st.lists(st.integers(-9, 60), min_size=4, max_size=4),
    st.sampled_from(FEATURE_LEVELS),
    st.sampled_from(["cpu", "host"]),
)
def test_what_hides_large_integers_is_torchs(
    made: Step, hidden: Step, numbers: list[int], level: int, fallback: str
) -> None:
    module, x = Hiding(made, hidden), torch.tensor([numbers])
    # An example in which they are small says nothing of the next call.
    converted = convert(module, (x.abs() + 1,), feature_level=level, fallback=fallback)  # type: ignore[arg-type]
    assert all(torch.equal(a, b) for a, b in zip(converted(x), module(x), strict=True))


class RelativeBuckets(nn.Module):
    """T5's: the logarithm of position 0 is no number that an integer holds."""

    def forward(self, position: Tensor) -> Tensor:
        buckets = (position > 0).long() * 16
        position = position.abs()
        far = 8 + (torch.log(position.float() / 8) / math.log(16) * 8).long()
        far = torch.min(far, torch.full_like(far, 15))
        return buckets + torch.where(position < 8, position, far)


@pytest.mark.parametrize("level", FEATURE_LEVELS)
def test_relative_position_buckets(level: int) -> None:
    position = torch.arange(40)[None] - torch.arange(40)[:, None]
    converted = convert(RelativeBuckets(), (position,), feature_level=level)
    check_everywhere(converted, RelativeBuckets(), [(position,), (position * 3,)])


def test_places_are_read_on_nnapi_though_they_were_floats() -> None:
    class Table(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(40, 8)
            self.linear = nn.Linear(8, 8)

        def forward(self, x: Tensor) -> Tensor:
            return self.linear(self.table(x.long()))

    module = Table()
    converted = convert(module, (torch.arange(5.0),))
    assert converted.report.operations["GATHER"] == 1
    x = torch.tensor([39.0, 0, 7, 1, 2])
    assert torch.allclose(converted(x), module(x), atol=1e-5)


def test_other_integers_that_do_not_fit_are_refused_in_one_sentence() -> None:
    class Grown(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (torch.gcd(x * x, x * x) * 3 > 7).float().relu()

    with pytest.raises(ConversionError, match="int32 cannot") as refusal:
        convert(Grown(), (torch.arange(10**6, 10**6 + 4),), feature_level=30)
    assert "mistake" not in str(refusal.value)
