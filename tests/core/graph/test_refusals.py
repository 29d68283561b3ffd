"""What torch.export refuses: where it is, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.export import Dim

from nnapi_core import ConversionError, convert
from nnapi_core.graph.sizes.grown_examples import grown_examples


class Calls(torch.nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function
        self.linear = torch.nn.Linear(4, 3)

    def forward(self, *args: Any) -> Any:
        return self.function(self, *args)


def chosen(self: Any, x: torch.Tensor) -> torch.Tensor:
    if x.sum() > 0:  # the statement
        return x
    return -x


def compared(self: Any, x: torch.Tensor) -> torch.Tensor:
    best = x.argmax().item()
    return x if best > 2 else -x  # the statement


def cut(self: Any, x: torch.Tensor) -> torch.Tensor:
    return x[: int(x.sum().item())]  # the statement


def repeated(self: Any, x: torch.Tensor) -> torch.Tensor:
    for _ in range(int(x[0])):  # the statement
        x = x + 1
    return x


@pytest.mark.parametrize(
    ("function", "remedy"),
    [
        (chosen, "torch.where, or give both to torch.cond"),
        (compared, "torch.where, or give both to torch.cond"),
        (cut, "give it a fixed size"),
        (repeated, "loop as often as it can be"),
    ],
)
def test_the_statement_is_named_that_depends_on_data(function: Any, remedy: str) -> None:
    with pytest.raises(ConversionError) as caught:
        convert(Calls(function), (torch.rand(4),))
    text = str(caught.value)
    assert re.search(r"test_refusals\.py:\d+: .*# the statement\)", text), text
    assert remedy in text
    assert not re.search(r"TORCH_LOGS|draft_export|guard_or_false|docs\.google", text)


def test_sizes_that_are_not_free() -> None:
    fixed = Calls(lambda self, x: self.linear(x))
    with pytest.raises(ConversionError, match="the size w is fixed by the model, at 4"):
        convert(fixed, (torch.rand(2, 4),), dynamic_shapes=(({1: Dim("w", max=9)},),))
    even = Calls(lambda self, x: x.view(x.shape[0] // 2, 2, 4).sum(1))
    with pytest.raises(ConversionError, match=r"the size b can only be 2\*_b; say so"):
        convert(even, (torch.rand(4, 4),), dynamic_shapes=(({0: Dim("b", max=8)},),))


def test_other_errors_keep_what_torch_says_without_advice_for_its_authors() -> None:
    with pytest.raises(ConversionError) as caught:
        convert(Calls(lambda self, x: x.numpy()), (torch.rand(4),))
    assert "cannot trace Calls" in str(caught.value)
    assert "draft_export" not in str(caught.value)


@settings(max_examples=5)
@given(st.sampled_from([1, 2, 3]), st.sampled_from([0, 1]))
def test_a_free_size_that_may_be_1_works_at_1_whatever_the_example(first: int, least: int) -> None:
    def function(self: Any, x: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        return self.linear(x).relu() * scale

    module = Calls(function).eval()
    batch = Dim("batch", min=least, max=8)
    args = torch.rand(first, 4), torch.rand(first, 1)
    shapes = (({0: batch}, {0: batch}),)
    converted = convert(module, args, dynamic_shapes=shapes, fallback="error")
    for size in (1, 2, 8):
        args = torch.rand(size, 4), torch.rand(size, 1)
        torch.testing.assert_close(converted(*args), module(*args), rtol=1e-4, atol=1e-5)


def test_only_what_may_be_1_and_more_grows() -> None:
    module = Calls(lambda self, x, y: (x, y))
    x, y = torch.rand(1, 1), {"a": torch.rand(3, 1)}
    free, many = Dim("free", max=8), Dim("many", min=2, max=8)
    shapes = (({0: free, 1: many}, {"a": (None, free)}),)
    (grown, inner), _ = grown_examples(module, (x, y), {}, shapes)
    assert grown.shape == (2, 1)
    assert inner["a"].shape == (3, 2)
    assert torch.equal(grown[0], grown[1])
