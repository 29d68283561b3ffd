"""What a plugin's model pass rewrites with."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from nnapi_core.plugin import (
    Model,
    ModelRewriter,
    Operation,
    Pass,
    Phase,
    ops,
    rewrite_operations,
)
from nnapi_core.plugins.registry import Registry
from nnapi_core.testing import Case, check_lowering, tensors
from tests.plugins.failing_plugins import plugin


def neg_by_mul(rewriter: ModelRewriter, operation: Operation) -> Sequence[Operation] | None:
    """NEG is a MUL with -1; its scale may be had from a constant before it."""
    if operation.spec is not ops.NEG:
        return None
    (source,) = operation.inputs
    type = rewriter.operands[source].type
    minus = rewriter.constant([-1.0], evolve(type, dims=(1,)))
    twice = rewriter.temporary(type)
    add = Operation(ops.ADD, (source, source, rewriter.scalar(0)), (twice,), operation.origin)
    half = rewriter.constant([-0.5], evolve(type, dims=(1,)))
    mul = evolve(operation, spec=ops.MUL, inputs=(twice, half, rewriter.scalar(0)))
    assert rewriter.array(minus) is not None and rewriter.array(source) is None
    return [add, mul]


@settings(max_examples=10)
@given(tensors(), st.integers(1, 3))
def test_each_operation_is_rewritten_in_order(x: torch.Tensor, count: int) -> None:
    def rewrite(model: Model) -> Model:
        return rewrite_operations(model, neg_by_mul)

    one = Pass("rewrite", Phase.MODEL, rewrite)
    registry = Registry.collect(extra=[plugin("nnapi_passes", lambda: [one])])

    def function(x: torch.Tensor) -> torch.Tensor:
        for _ in range(count):
            x = torch.neg(torch.exp(x * 0.1))
        return x

    outcome = check_lowering(Case(function, (x,), magnitude=2.0), registry=registry)
    assert outcome.converted is not None, outcome.reasons
    operations = outcome.converted.report.operations
    assert "NEG" not in operations
    assert operations["ADD"] == count


def test_models_inside_of_a_branch() -> None:
    def rewrite(model: Model) -> Model:
        return rewrite_operations(model, neg_by_mul)

    class Negated(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cond(x.sum() > 0, lambda x: -x, lambda x: x * 2, (x,))

    one = Pass("rewrite", Phase.MODEL, rewrite)
    registry = Registry.collect(extra=[plugin("nnapi_passes", lambda: [one])])
    outcome = check_lowering(Case(Negated(), (torch.ones(3),)), registry=registry)
    assert outcome.converted is not None, outcome.reasons
    (piece,) = outcome.converted.background.partition.pieces
    assert piece.lowered is not None
    names = {one.spec.name for model in piece.lowered.model.submodels() for one in model.operations}
    assert "NEG" not in names and "ADD" in names
