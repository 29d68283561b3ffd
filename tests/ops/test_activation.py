"""Activations that clamp or bend the line, and dropout."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from nnapi_core.testing import Case, check_lowering
from tests.ops.drawing import after_image, check_from, few, floats, levels

NAN = float("nan")
FROM_27 = [
    functional.relu,
    functional.relu6,
    torch.sigmoid,
    torch.tanh,
    functional.leaky_relu,
    functional.hardsigmoid,
    functional.hardswish,
    torch.special.expit,
    lambda x: functional.leaky_relu(x, -2),
    lambda x: functional.rrelu(x, 0.2, 0.4),
    lambda x: functional.threshold(x, 0, 0),
]
FROM_29 = [
    functional.hardshrink,
    functional.softshrink,
    lambda x: functional.softshrink(x, 0),
    lambda x: functional.threshold(x, 0.5, 20),
]


@pytest.mark.parametrize("function", FROM_27)
@few
@given(floats(), levels, st.booleans())
def test_at_every_level(function: Any, x: torch.Tensor, level: int, image: bool) -> None:
    check_from(27, function, [x], level, image=image)


@pytest.mark.parametrize("function", FROM_29)
@few
@given(floats(), levels, st.booleans())
def test_from_level_29(function: Any, x: torch.Tensor, level: int, image: bool) -> None:
    check_from(29, function, [x], level, image=image)


@pytest.mark.parametrize("function", FROM_27 + FROM_29)
def test_not_a_number_stays(function: Any) -> None:
    check_from(30, function, [torch.tensor([NAN, 1.0, -1.0])], 30)


@given(floats(min_rank=1, max_rank=4), st.booleans(), levels, st.booleans())
def test_prelu(x: torch.Tensor, one: bool, level: int, image: bool) -> None:
    count = 1 if one or x.dim() == 1 else x.shape[1]
    module = torch.nn.PReLU(count).to(x.dtype)
    module.weight.data = torch.linspace(-0.5, 2, count).to(x.dtype)
    check_from(27, module, [x], level, image=image and x.dim() == 4)


@given(floats(min_rank=2, max_rank=4, dtypes=[torch.float32]), levels)
def test_prelu_with_a_computed_slope(x: torch.Tensor, level: int) -> None:
    slopes = torch.linspace(-0.5, 2, x.shape[1])
    check_from(27, functional.prelu, [x, slopes], level)


@given(floats(), st.sampled_from([0.0, 0.5, 1.0]), levels)
def test_dropout_in_use_does_nothing(x: torch.Tensor, p: float, level: int) -> None:
    def function(x: torch.Tensor) -> Any:
        return functional.dropout(x, p, False) + 1, torch.feature_dropout(x, p, False)

    check_from(27, function, [x], level)


def test_dropout_in_training_is_refused() -> None:
    outcome = check_lowering(
        Case(lambda x: after_image(functional.dropout(x, 0.0)), (torch.ones(1, 1, 2, 2),))
    )
    assert outcome.supported
    outcome = check_lowering(Case(lambda x: functional.dropout(x, 0.5, True) * 0, (torch.ones(3),)))
    assert not outcome.supported
    assert "model.eval()" in outcome.reasons[0]
