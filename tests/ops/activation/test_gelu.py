"""GELU, within the stated bound."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from nnapi_ops.arithmetic.erf import ERROR
from tests.ops.lowering_strategies import check_from, floats, levels


@given(floats(), st.sampled_from(["none", "tanh"]), levels, st.booleans())
def test_gelu(x: torch.Tensor, approximate: str, level: int, image: bool) -> None:
    bound = ERROR * max(1.0, float(x.abs().max()))

    def function(x: torch.Tensor) -> torch.Tensor:
        return functional.gelu(x, approximate=approximate)

    check_from(27, function, [x], level, image=image, bound=bound)
