"""Convolutions: every form that torch has, at every level, right or refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from nnapi_core.testing import Case, Outcome, check_lowering, feature_levels, tensors
from tests.ops.with_constants import WithConstants


@frozen(eq=False)
class Drawn:
    """A convolution that torch accepts."""

    function: Any
    input: torch.Tensor
    weight: torch.Tensor
    bias: torch.Tensor | None
    options: dict[str, Any]

    def check(self, level: int, *, constant: bool = True) -> Outcome:
        parameters = (self.weight, self.bias)
        if constant:
            function, args = WithConstants(self.function, *parameters, **self.options), ()
        else:
            function, args = WithConstants(self.function, **self.options), parameters
        magnitude = self.function(self.input.abs(), self.weight.abs(), None, **self.options)
        return check_lowering(
            Case(
                function,
                (self.input, *(one for one in args if one is not None)),
                feature_level=level,
                terms=self.weight[0].numel(),
                magnitude=float(magnitude.max()) + 4,
            )
        )

    @property
    def is_plain(self) -> bool:
        """In NNAPI since its first level: a batched image, regular or depthwise, padding within the kernel."""
        weight, padding = self.weight, self.options["padding"]
        pads = (0, 0) if isinstance(padding, str) else padding
        reach = [
            (k - 1) * d + 1 for k, d in zip(weight.shape[2:], self.options["dilation"], strict=True)
        ]
        grouped = self.options["groups"] != 1 and weight.shape[1] != 1
        within = all(pad < size for pad, size in zip(pads, reach, strict=True))
        return self.input.dim() == 4 and not grouped and within


@st.composite
def convolutions(draw: st.DrawFn, *, spatial: int = 2, dtype: torch.dtype = torch.float32) -> Drawn:
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    inner, multiplier = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    kernel = [draw(st.integers(1, 3)) for _ in range(spatial)]
    dilation = [draw(st.integers(1, 2)) for _ in range(spatial)]
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    padding: Any = [draw(st.integers(0, 3)) for _ in range(spatial)]
    if implicit := draw(st.sampled_from([None, None, "same", "valid"])):
        padding = implicit
    stride = [1 if padding == "same" else draw(st.integers(1, 3)) for _ in range(spatial)]
    pads = padding if isinstance(padding, list) else [0] * spatial
    sizes = [max(1, r - 2 * p) + draw(st.integers(0, 5)) for r, p in zip(reach, pads, strict=True)]
    batch = draw(st.sampled_from([(), (1,), (2,)]))
    outer = groups * multiplier
    return Drawn(
        functional.conv1d if spatial == 1 else functional.conv2d,
        draw(tensors(shape=(*batch, groups * inner, *sizes), dtype=dtype)),
        draw(tensors(shape=(outer, inner, *kernel), dtype=dtype)),
        draw(st.none() | tensors(shape=(outer,), dtype=dtype)),
        {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups},
    )


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@given(convolutions(), feature_levels())
def test_conv2d(drawn: Drawn, level: int) -> None:
    outcome = drawn.check(level)
    assert outcome.supported or (level == 27 and not drawn.is_plain), outcome.reasons


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@given(convolutions(spatial=1), feature_levels())
def test_conv1d(drawn: Drawn, level: int) -> None:
    outcome = drawn.check(level)
    assert outcome.supported or level == 27, outcome.reasons


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@settings(max_examples=10)
@given(convolutions(dtype=torch.float16), feature_levels(29))
def test_conv2d_in_float16(drawn: Drawn, level: int) -> None:
    assert drawn.check(level).supported


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@settings(max_examples=15)
@given(convolutions(), feature_levels())
def test_computed_weights(drawn: Drawn, level: int) -> None:
    outcome = drawn.check(level, constant=False)
    assert outcome.supported or level < 29, outcome.reasons


@pytest.mark.parametrize(
    ("groups", "inner", "dilation", "level", "operation"),
    [
        (1, 4, 1, 27, "CONV_2D"),
        (1, 4, 2, 29, "CONV_2D"),
        (4, 1, 1, 27, "DEPTHWISE_CONV_2D"),
        (4, 1, 2, 29, "DEPTHWISE_CONV_2D"),
        (2, 2, 1, 29, "GROUPED_CONV_2D"),
    ],
)
def test_one_operation_is_enough(
    groups: int, inner: int, dilation: int, level: int, operation: str
) -> None:
    layer = torch.nn.Conv2d(groups * inner, 8, 3, groups=groups, dilation=dilation, padding=1)
    x = torch.randn(1, groups * inner, 7, 7).contiguous(memory_format=torch.channels_last)
    converted = check_lowering(Case(layer, (x,), feature_level=level, terms=36)).converted
    assert converted is not None
    assert converted.report.operations == {operation: 1}
    assert converted.report.feature_level == level


@pytest.mark.parametrize("spatial", [1, 2])
def test_the_core_form(spatial: int) -> None:
    x, w = torch.randn(1, 4, *(6,) * spatial), torch.randn(6, 2, *(3,) * spatial)
    layer = WithConstants(
        torch.ops.aten.convolution.default,
        w,
        torch.randn(6),
        stride=[2] * spatial,
        padding=[1] * spatial,
        dilation=[1] * spatial,
        transposed=False,
        output_padding=[0] * spatial,
        groups=2,
    )
    assert check_lowering(Case(layer, (x,), terms=18)).supported
