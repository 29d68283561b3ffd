"""Three-dimensional convolutions."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from nnapi_core.testing import Case, check_lowering, tensors
from tests.ops.with_constants import WithConstants

_levels = st.sampled_from([1000008, 1000006, 30, 29])


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@settings(max_examples=15)
@given(st.data(), _levels)
def test_conv3d(data: st.DataObject, level: int) -> None:
    draw = data.draw
    groups, inner = draw(st.sampled_from([1, 1, 2])), draw(st.integers(1, 2))
    kernel = [draw(st.integers(1, 3)) for _ in range(3)]
    dilation = [draw(st.integers(1, 2)) for _ in range(3)]
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    same = draw(st.booleans())
    padding = [draw(st.integers(0, 1)) for _ in range(3)]
    stride = [1 if same else draw(st.integers(1, 2)) for _ in range(3)]
    sizes = [r + draw(st.integers(0, 2)) for r in reach]
    batch = draw(st.sampled_from([(), (1,), (2,)]))
    x = draw(tensors(shape=(*batch, groups * inner, *sizes)))
    weight = draw(tensors(shape=(groups * 2, inner, *kernel)))
    bias = draw(st.none() | tensors(shape=(groups * 2,)))
    layer = WithConstants(
        functional.conv3d,
        weight,
        bias,
        stride=stride,
        padding="same" if same else padding,
        dilation=dilation,
        groups=groups,
    )
    terms = weight[0].numel()
    outcome = check_lowering(Case(layer, (x,), level, terms, magnitude=16.0 * terms))
    assert outcome.supported, outcome.reasons


@settings(max_examples=10)
@given(st.data(), _levels)
def test_conv_transpose3d(data: st.DataObject, level: int) -> None:
    draw = data.draw
    groups, inner = draw(st.sampled_from([1, 1, 2])), draw(st.integers(1, 2))
    kernel = [draw(st.integers(1, 2)) for _ in range(3)]
    stride = [draw(st.integers(1, 2)) for _ in range(3)]
    more = [draw(st.integers(0, s - 1)) for s in stride]
    padding = [draw(st.integers(0, (k + m - 1) // 2)) for k, m in zip(kernel, more, strict=True)]
    sizes = [draw(st.integers(1, 3)) for _ in range(3)]
    x = draw(tensors(shape=(1, groups * inner, *sizes)))
    weight = draw(tensors(shape=(groups * inner, 2, *kernel)))
    bias = draw(st.none() | tensors(shape=(groups * 2,)))
    options = {"stride": stride, "padding": padding, "output_padding": more, "groups": groups}
    layer = WithConstants(functional.conv_transpose3d, weight, bias, **options)
    terms = weight[:, 0].numel()
    outcome = check_lowering(Case(layer, (x,), level, terms, magnitude=16.0 * terms))
    assert outcome.supported, outcome.reasons
