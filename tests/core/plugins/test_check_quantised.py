"""`check_quantised`: right in integers, refused, or told that it is wrong."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from nnapi_core.errors import ConversionError
from nnapi_core.plugin import Context, Layout, Value, lowering, ops
from nnapi_core.plugins.registry import Registry
from nnapi_core.testing import Case, check_quantised
from tests.plugins.failing_plugins import plugin


@settings(max_examples=5)
@given(st.integers(0, 1000), st.sampled_from([29, 30, 1000008]))
def test_right_in_integers(seed: int, level: int) -> None:
    torch.manual_seed(seed)
    case = Case(nn.Sequential(nn.Linear(6, 4), nn.ReLU()), (torch.randn(3, 6),), level)
    outcome = check_quantised(case)
    assert outcome.converted is not None, outcome.reasons
    assert "FULLY_CONNECTED" in outcome.converted.report.operations


def test_what_runs_in_floats_is_said() -> None:
    module = nn.Sequential(nn.Linear(6, 4), nn.Softplus(), nn.Linear(4, 2))
    outcome = check_quantised(Case(module, (torch.randn(3, 6),), 30))
    assert not outcome.supported and any("softplus" in one for one in outcome.reasons)


def test_nothing_to_quantise() -> None:
    with pytest.raises(ConversionError, match="nothing in this module can be quantised"):
        check_quantised(Case(torch.sin, (torch.randn(3),), 30))


def test_a_wrong_lowering_is_told() -> None:
    @lowering(torch.ops.aten.relu.default, layout=Layout.ANY, overrides=True)
    def wrong(nn: Context, self: Value) -> Value:
        """relu(Tensor self) -> Tensor"""
        return nn.emit(ops.RELU6, input=self)

    record = wrong.__nnapi_lowering__  # type: ignore[attr-defined]
    registry = Registry.collect(extra=[plugin("nnapi_lowerings", lambda: [record])])
    x = torch.linspace(-20, 20, 32).reshape(8, 4)
    module = nn.Sequential(nn.MaxPool1d(1), nn.ReLU())
    with pytest.raises(AssertionError, match=r"result 0 is \d+ steps of"):
        check_quantised(Case(module, (x[None],), 29), registry=registry)
    assert check_quantised(Case(module, (x[None],), 29)).supported
