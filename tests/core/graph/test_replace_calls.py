"""What a plugin's graph pass rewrites with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import nnapi_core
from nnapi_core.errors import PluginError
from nnapi_core.plugin import Pass, Phase, Program, replace_calls
from nnapi_core.plugins.registry import Registry
from nnapi_core.testing import Case, check_lowering, tensors
from tests.plugins.failing_plugins import plugin

aten = torch.ops.aten


def passing(function: Callable[[Program], None]) -> Registry:
    one = Pass("rewrite", Phase.GRAPH, function)
    return Registry.collect(extra=[plugin("nnapi_passes", lambda: [one])])


def replacing(overload: Any, function: Callable[..., Any], **options: Any) -> Registry:
    def rewrite(program: Program) -> None:
        replace_calls(program, overload, function, **options)

    return passing(rewrite)


@settings(max_examples=8)
@given(tensors(low=0.1), st.sampled_from([2.0, 3.0, 0.5]))
def test_calls_that_are_meant_are_replaced_and_others_stay(x: torch.Tensor, power: float) -> None:
    counts = []

    def rewrite(program: Program) -> None:
        count = replace_calls(
            program,
            aten.pow.Tensor_Scalar,
            lambda x, exponent: x * x,
            where=lambda node: node.args[1] == 2.0,
        )
        counts.append(count)

    outcome = check_lowering(
        Case(lambda x: (x**power + 1) ** 2.0, (x,), magnitude=1e3), registry=passing(rewrite)
    )
    assert outcome.supported, outcome.reasons
    assert counts[0] == (2 if power == 2 else 1)


def test_several_results_constants_and_branches() -> None:
    weight = torch.tensor([[0.5, -1.0], [2.0, 1.0]])

    def split(x: torch.Tensor, count: int, dim: int) -> tuple[torch.Tensor, ...]:
        first, second = x[:, :count] @ weight, x[:, count:] + 1
        return first, second

    class Model(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            first, second = torch.split(x, 2, 1)
            branch: torch.Tensor = torch.cond(
                x.sum() > 0, lambda x: torch.relu(x), lambda x: x * 2, (first,)
            )
            return branch + second

    calls = 0

    def counted(program: Program) -> None:
        nonlocal calls
        calls += replace_calls(program, aten.split.Tensor, split)
        calls += replace_calls(
            program, aten.relu.default, lambda x: x.clamp_min(0) + weight[1, 1] - 1
        )

    x = torch.rand(3, 4)
    converted = nnapi_core.convert(Model(), (x,), registry=passing(counted))
    assert calls == 2
    first, second = split(x, 2, 1)
    assert torch.allclose(converted(x), first.clamp_min(0) + second, atol=1e-5)
    rows = [row for row in converted.report.nodes if row.device != "folded"]
    assert all("test_replace_calls.py" in row.source for row in rows)


@pytest.mark.parametrize(
    ("overload", "function", "said"),
    [
        (aten.relu.default, lambda x: x[:1], r"gives torch.float32 \['1'\], not"),
        (aten.relu.default, lambda x: x.to(torch.int32), "gives torch.int32"),
        (aten.relu.default, lambda x: (x, x), "gives torch.float32"),
        (aten.relu, lambda x: x, "is not an overload"),
        (aten.relu.default, lambda x: x.no_such(), "no_such"),
    ],
)
def test_what_is_no_replacement(overload: Any, function: Callable[..., Any], said: str) -> None:
    with pytest.raises(PluginError, match=said):
        nnapi_core.convert(
            torch.nn.ReLU(), (torch.ones(3),), registry=replacing(overload, function)
        )
