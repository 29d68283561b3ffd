"""Transposed convolutions."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from nnapi_core.testing import Case, Outcome, check_lowering, feature_levels, tensors
from tests.ops.with_constants import WithConstants


@st.composite
def outcomes(
    draw: st.DrawFn, *, spatial: int, levels: st.SearchStrategy[int], dtype: Any = torch.float32
) -> Outcome:
    """A transposed convolution that torch accepts, checked."""
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    inner, outer = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    kernel = [draw(st.integers(1, 4)) for _ in range(spatial)]
    stride = [draw(st.integers(1, 3)) for _ in range(spatial)]
    dilation = [draw(st.sampled_from([1, 1, 2])) for _ in range(spatial)]
    more = [draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)]
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    padding = [draw(st.integers(0, (r + m - 1) // 2)) for r, m in zip(reach, more, strict=True)]
    sizes = [draw(st.integers(1, 5)) for _ in range(spatial)]
    batch = draw(st.sampled_from([(), (1,), (2,)]))
    x = draw(tensors(shape=(*batch, groups * inner, *sizes), dtype=dtype))
    weight = draw(tensors(shape=(groups * inner, outer, *kernel), dtype=dtype))
    bias = draw(st.none() | tensors(shape=(groups * outer,), dtype=dtype))
    options = {
        "stride": stride,
        "padding": padding,
        "output_padding": more,
        "groups": groups,
        "dilation": dilation,
    }
    function = functional.conv_transpose1d if spatial == 1 else functional.conv_transpose2d
    largest = float(function(x.abs(), weight.abs(), None, **options).max()) + 4
    terms = weight[:, 0].numel()
    layer = WithConstants(function, weight, bias, **options)
    return check_lowering(
        Case(layer, (x,), feature_level=draw(levels), terms=terms, magnitude=largest)
    )


@given(outcomes(spatial=2, levels=feature_levels(29)))
def test_conv_transpose2d(outcome: Outcome) -> None:
    assert outcome.supported, outcome.reasons


@given(outcomes(spatial=1, levels=feature_levels(29)))
def test_conv_transpose1d(outcome: Outcome) -> None:
    assert outcome.supported, outcome.reasons


@settings(max_examples=8)
@given(outcomes(spatial=2, levels=feature_levels(29), dtype=torch.float16))
def test_conv_transpose2d_in_float16(outcome: Outcome) -> None:
    assert outcome.supported, outcome.reasons


@given(outcomes(spatial=2, levels=st.just(28)))
def test_before_the_operation_existed(outcome: Outcome) -> None:
    assert outcome.supported, outcome.reasons


@settings(max_examples=12)
@given(outcomes(spatial=1, levels=st.just(28)))
def test_one_dimension_before_the_operation_existed(outcome: Outcome) -> None:
    assert outcome.supported, outcome.reasons


@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 3), (1, 1), (1, 2)])
def test_windows_side_by_side_need_nothing_new(kernel: int, stride: int) -> None:
    layer = torch.nn.ConvTranspose2d(3, 4, kernel, stride, output_padding=stride - kernel)
    outcome = check_lowering(Case(layer, (torch.randn(2, 3, 4, 5),), 27, 3, 4))
    assert outcome.supported, outcome.reasons


def test_the_core_form() -> None:
    layer = WithConstants(
        torch.ops.aten.convolution.default,
        torch.randn(4, 3, 3, 3),
        torch.randn(6),
        stride=[2, 2],
        padding=[1, 1],
        dilation=[1, 1],
        transposed=True,
        output_padding=[1, 1],
        groups=2,
    )
    case = Case(layer, (torch.randn(1, 4, 5, 5),), feature_level=29, terms=36, magnitude=30)
    assert check_lowering(case).supported


@pytest.mark.parametrize("stride", [1, 2])
def test_computed_weights(stride: int) -> None:
    def function(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return functional.conv_transpose2d(x, w, stride=stride)

    case = Case(function, (torch.randn(1, 3, 4, 4), torch.randn(3, 2, 3, 3)), 29, 27, 30)
    assert check_lowering(case).supported
