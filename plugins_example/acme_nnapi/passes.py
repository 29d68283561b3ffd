"""Passes: one rewrites the torch graph, one the NNAPI model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from attrs import evolve
from torch.fx import Node

from nnapi_core.plugin import (
    Model,
    ModelRewriter,
    Operation,
    Pass,
    Phase,
    Program,
    hookimpl,
    ops,
    replace_calls,
    rewrite_operations,
)


def square_by_mul(program: Program) -> None:
    """``x ** 2`` is ``x * x``."""

    def squared(x: torch.Tensor, exponent: float) -> torch.Tensor:
        return x * x

    def is_square(node: Node) -> bool:
        return node.args[1] == 2

    replace_calls(program, torch.ops.aten.pow.Tensor_Scalar, squared, where=is_square)


def abs_without_sign(model: Model) -> Model:
    """ABS of a product with -1 is ABS of the factor: Acme's drivers run the two operations apart."""

    def shortened(rewriter: ModelRewriter, operation: Operation) -> Sequence[Operation] | None:
        if operation.spec is not ops.ABS:
            return None
        before = rewriter.producer(operation.inputs[0])
        if before is None or before.spec is not ops.MUL:
            return None
        first, second, activation = before.inputs
        factor, fused = rewriter.array(second), rewriter.array(activation)
        same = rewriter.operands[first].type == rewriter.operands[operation.inputs[0]].type
        if factor is None or fused is None or not same or fused != 0 or not np.all(factor == -1):
            return None
        return [evolve(operation, inputs=(first,))]

    return rewrite_operations(model, shortened)


@hookimpl
def nnapi_passes() -> list[Pass]:
    return [
        Pass("acme_square_by_mul", Phase.GRAPH, square_by_mul),
        Pass("acme_abs_without_sign", Phase.MODEL, abs_without_sign),
    ]
