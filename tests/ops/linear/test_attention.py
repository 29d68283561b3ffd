"""Scaled dot product attention."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from nnapi_core.testing import Case, check_lowering, feature_levels, tensors
from tests.ops.with_constants import WithConstants

attention = functional.scaled_dot_product_attention


@st.composite
def operands(
    draw: st.DrawFn, dtype: torch.dtype = torch.float32
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    batch = draw(st.sampled_from([(), (2,), (2, 3), (1, 4), (12, 3)]))
    length, keys, inner, outer = (draw(st.integers(1, 5)) for _ in range(4))
    shapes = [(length, inner), (keys, inner), (keys, outer)]
    q, k, v = (draw(tensors(shape=(*batch, *shape), dtype=dtype)) for shape in shapes)
    return q, k, v


@st.composite
def masks(draw: st.DrawFn, q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """Of booleans or numbers, some of which are as far as it goes; some rows may have no key at all."""
    shape = [q.shape[-2], k.shape[-2]]
    if q.dim() == 4:
        shape = draw(st.sampled_from([shape, [q.shape[0], 1, *shape], [1, q.shape[1], *shape]]))
    if draw(st.booleans()):
        return draw(tensors(shape=shape, dtype=torch.bool))
    numbers = draw(tensors(shape=shape, dtype=q.dtype))
    far = draw(st.sampled_from([0.0, -torch.inf, torch.finfo(q.dtype).min]))
    return numbers.masked_fill(draw(tensors(shape=shape, dtype=torch.bool)), far)


def check(
    function: Any,
    args: tuple[torch.Tensor, ...],
    level: int,
    *constants: torch.Tensor,
    **options: Any,
) -> bool:
    terms = 4 * (args[0].shape[-1] + args[1].shape[-2])
    layer = WithConstants(function, *constants, **options)
    return check_lowering(Case(layer, args, level, terms, magnitude=8)).supported


@given(operands(), st.booleans(), st.sampled_from([None, 1.0, 0.3]), feature_levels())
def test_without_a_mask(
    qkv: tuple[torch.Tensor, ...], causal: bool, scale: float | None, level: int
) -> None:
    assert check(attention, qkv, level, is_causal=causal, scale=scale) or level == 27


@settings(max_examples=20)
@given(st.data(), operands(), st.booleans(), feature_levels())
def test_masks(
    data: st.DataObject, qkv: tuple[torch.Tensor, ...], constant: bool, level: int
) -> None:
    mask = data.draw(masks(qkv[0], qkv[1]))
    if level < 29 and not constant and mask.dtype is not torch.bool:
        # Rows without a key are NaN there, which the report says.
        mask = mask.clamp(min=-1e30)
    if constant:
        assert check(attention, qkv, level, mask) or level == 27
    else:
        assert check(attention, (*qkv, mask), level) or level < 29


def test_rows_without_any_key_become_zero() -> None:
    q, k, v = (torch.randn(1, 2, 3, 4) for _ in range(3))
    mask = torch.tensor([[True, False, True], [False] * 3, [True] * 3])
    infinite = torch.zeros(3, 3).masked_fill(~mask, -torch.inf)
    assert check(attention, (q, k, v), 29, mask)
    assert check(attention, (q, k, v), 29, infinite)
    assert check(attention, (q, k, v, mask), 29)
    assert check(attention, (q, k, v, infinite), 29)


@settings(max_examples=8)
@given(operands(torch.float16), feature_levels(29))
def test_float16(qkv: tuple[torch.Tensor, ...], level: int) -> None:
    assert check(attention, qkv, level)


@pytest.mark.parametrize("level", [29, 1000006])
@pytest.mark.parametrize("causal", [False, True])
def test_heads_that_share_keys(level: int, causal: bool) -> None:
    q, k = torch.randn(2, 6, 3, 4), torch.randn(2, 2, 3, 4)
    assert check(attention, (q, k, k.clone()), level, is_causal=causal, enable_gqa=True)


@pytest.mark.parametrize("level", [29, 1000006])
def test_queries_for_several_batches_of_keys(level: int) -> None:
    q, k, v = torch.randn(3, 2, 4), torch.randn(2, 3, 5, 4), torch.randn(2, 3, 5, 6)
    assert check(attention, (q, k, v), level)
    assert check(attention, (k, q[:1], q[:1]), level)


def test_dropout_is_refused() -> None:
    q, k, v = (torch.randn(1, 2, 3, 4) for _ in range(3))
    exported = torch.export.export(WithConstants(attention, dropout_p=0.5).eval(), (q, k, v))
    from nnapi_core import Unsupported, convert

    with pytest.raises(Unsupported, match="dropout"):
        convert(exported, (q, k, v), fallback="error")


def test_nothing_but_products_and_a_softmax() -> None:
    q, k, v = (torch.randn(1, 2, 3, 4) for _ in range(3))
    case = Case(lambda *qkv: attention(*qkv, scale=1.0), (q, k, v), 1000006, 40, 8)
    converted = check_lowering(case).converted
    assert converted is not None
    assert converted.report.operations == {"BATCH_MATMUL": 2, "SOFTMAX": 1}
