"""Truths over dimensions."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given

from tests.ops.lowering_strategies import check_from, few, floats, levels
from tests.ops.reduction.reductions import Drawn, reductions


@pytest.mark.parametrize("name", ["any", "all"])
@few
@given(reductions(floats(low=-1, high=2)), levels)
def test_truth(name: str, drawn: Drawn, level: int) -> None:
    x, dims, keepdim = drawn
    dim = dims[0] if dims else 0

    def function(x: torch.Tensor) -> Any:
        positive = x > 0
        each = getattr(positive, name)(dim, keepdim)
        return each, getattr(positive, name)(), getattr(torch, name)(x.round(), tuple(dims) or 0)

    check_from(29, function, [x], level)
