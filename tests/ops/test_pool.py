"""Pooling with sliding windows."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from nnapi_core.testing import Case, check_lowering, feature_levels, tensors


@st.composite
def windows(
    draw: st.DrawFn, *, spatial: int, dilated: bool
) -> tuple[tuple[int, ...], dict[str, Any]]:
    """Sizes of an image, and options of a pooling that torch accepts for it."""
    kernel = [draw(st.integers(1, 4)) for _ in range(spatial)]
    padding = [draw(st.integers(0, size // 2)) for size in kernel]
    options: dict[str, Any] = {
        "kernel_size": kernel,
        "padding": padding,
        "ceil_mode": draw(st.booleans()),
    }
    if draw(st.booleans()):
        options["stride"] = [draw(st.integers(1, 4)) for _ in range(spatial)]
    dilation = [1] * spatial
    if dilated:
        options["dilation"] = dilation = [draw(st.sampled_from([1, 1, 2])) for _ in range(spatial)]
    sizes = tuple(
        max(1, (k - 1) * d + 1 - 2 * p) + draw(st.integers(0, 7))
        for k, d, p in zip(kernel, dilation, padding, strict=True)
    )
    return sizes, options


@st.composite
def pooled(
    draw: st.DrawFn, *, spatial: int, dilated: bool, dtype: torch.dtype = torch.float32
) -> tuple[torch.Tensor, dict[str, Any]]:
    sizes, options = draw(windows(spatial=spatial, dilated=dilated))
    batch = draw(st.sampled_from([(3,), (1, 3), (2, 5)]))
    return draw(tensors(shape=(*batch, *sizes), dtype=dtype)), options


def is_dilated(options: dict[str, Any]) -> bool:
    pairs = zip(options["kernel_size"], options["dilation"], strict=True)
    return any(kernel > 1 and step > 1 for kernel, step in pairs)


@given(pooled(spatial=2, dilated=True), feature_levels())
def test_max_pool2d(drawn: tuple[torch.Tensor, dict[str, Any]], level: int) -> None:
    x, options = drawn
    outcome = check_lowering(Case(lambda x: functional.max_pool2d(x, **options), (x,), level))
    assert outcome.supported or (level < 29 and is_dilated(options)), outcome.reasons


@given(pooled(spatial=1, dilated=True), feature_levels())
def test_max_pool1d(drawn: tuple[torch.Tensor, dict[str, Any]], level: int) -> None:
    x, options = drawn
    outcome = check_lowering(Case(lambda x: functional.max_pool1d(x, **options), (x,), level))
    assert outcome.supported or (level < 29 and is_dilated(options)), outcome.reasons


@settings(max_examples=10)
@given(pooled(spatial=2, dilated=True), feature_levels(29), st.sampled_from([0, 1]))
def test_indices_are_refused_only_where_they_are_read(
    drawn: tuple[torch.Tensor, dict[str, Any]], level: int, result: int
) -> None:
    x, options = drawn

    def function(x: torch.Tensor) -> torch.Tensor:
        return functional.max_pool2d(x, **options, return_indices=True)[result]

    assert check_lowering(Case(function, (x,), level)).supported is (result == 0)


@given(
    pooled(spatial=2, dilated=False),
    st.booleans(),
    st.none() | st.integers(1, 5),
    feature_levels(),
)
def test_avg_pool2d(
    drawn: tuple[torch.Tensor, dict[str, Any]], include: bool, divisor: int | None, level: int
) -> None:
    x, options = drawn
    terms = options["kernel_size"][0] * options["kernel_size"][1]
    options |= {"count_include_pad": include, "divisor_override": divisor}
    case = Case(
        lambda x: functional.avg_pool2d(x, **options),
        (x,),
        level,
        terms,
        magnitude=4 * terms / (divisor or terms),
    )
    outcome = check_lowering(case)
    assert outcome.supported, outcome.reasons


@given(pooled(spatial=1, dilated=False), st.booleans(), feature_levels())
def test_avg_pool1d(drawn: tuple[torch.Tensor, dict[str, Any]], include: bool, level: int) -> None:
    x, options = drawn
    options |= {"count_include_pad": include}
    terms = options["kernel_size"][0]
    outcome = check_lowering(
        Case(lambda x: functional.avg_pool1d(x, **options), (x,), level, terms, magnitude=4)
    )
    assert outcome.supported, outcome.reasons


@settings(max_examples=10)
@given(pooled(spatial=2, dilated=False, dtype=torch.float16), feature_levels(29))
def test_float16(drawn: tuple[torch.Tensor, dict[str, Any]], level: int) -> None:
    x, options = drawn
    for function in (functional.max_pool2d, functional.avg_pool2d):
        case = Case(lambda x, f=function: f(x, **options), (x,), level, 16, magnitude=4)
        assert check_lowering(case).supported


@pytest.mark.parametrize("function", [functional.max_pool2d, functional.avg_pool2d])
def test_nothing_is_moved_around_a_pooling_of_one_dimension(function: Any) -> None:
    for x, kernel in ((torch.randn(2, 3, 8), [1, 2]), (torch.randn(3, 6, 8), [2, 2])):
        converted = check_lowering(
            Case(lambda x, k=kernel: function(x, k), (x,), terms=4)
        ).converted
        assert converted is not None
        assert converted.report.transposes == 0
