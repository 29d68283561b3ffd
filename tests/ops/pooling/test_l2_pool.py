"""L2 pooling, which torch spells out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from nnapi_core.testing import Case, check_lowering, feature_levels, tensors
from tests.ops.lowering_strategies import operations


@settings(max_examples=15)
@given(st.data(), st.booleans(), feature_levels())
def test_lp_pool2d(data: st.DataObject, ceil_mode: bool, level: int) -> None:
    kernel = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    stride = data.draw(st.none() | st.tuples(st.integers(1, 3), st.integers(1, 3)))
    x = data.draw(tensors(shape=(1, 3, data.draw(st.integers(3, 7)), 5)))
    case = Case(
        lambda x: functional.lp_pool2d(x, 2, kernel, stride, ceil_mode), (x,), level, terms=32
    )
    assert operations(check_lowering(case))["L2_POOL_2D"] == 1


LOOKALIKES: list[Any] = [
    lambda x: functional.avg_pool2d(x**2, 2).pow(0.5),
    lambda x: functional.lp_pool2d(x, 3, 2),
    lambda x: functional.lp_pool2d(x, 2, 2) + functional.avg_pool2d(x**2, 2),
]


@pytest.mark.parametrize("function", LOOKALIKES)
def test_what_looks_alike(function: Any) -> None:
    x = torch.rand(1, 3, 6, 6)
    check_lowering(Case(function, (x,), 29, terms=64))
