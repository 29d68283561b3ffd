"""In floats and in integers: the quantiser is told that all three tensors share a range."""

from __future__ import annotations

import acme_nnapi.larger  # noqa: F401  (registers the op)
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import nnapi_core
from nnapi_core.plugin import Model, ops
from nnapi_core.testing import Case, check_lowering, check_quantised, tensors

larger = torch.ops.acme.larger.default


@settings(max_examples=10)
@given(st.data())
def test_floats(data: st.DataObject) -> None:
    a = data.draw(tensors())
    b = data.draw(tensors(shape=a.shape))
    assert check_lowering(Case(larger, (a, b), feature_level=29)).supported


class Larger(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Linear(8, 4), torch.nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return larger(self.first(x), self.second(x))


@pytest.mark.parametrize("level", [29, 30])
@settings(max_examples=3)
@given(seed=st.integers(0, 1000))
def test_integers_of_one_range(level: int, seed: int) -> None:
    torch.manual_seed(seed)
    outcome = check_quantised(Case(Larger(), (torch.randn(16, 8),), feature_level=level))
    assert outcome.converted is not None, outcome.reasons
    model = _model(outcome.converted)
    (maximum,) = [one for one in model.operations if one.spec is ops.MAXIMUM]
    # One scale and zero point for all three.
    assert len({model.operands[i].type for i in (*maximum.inputs, *maximum.outputs)}) == 1


def _model(converted: nnapi_core.Converted) -> Model:
    (piece,) = converted.background.partition.pieces
    return piece.lowered.model
