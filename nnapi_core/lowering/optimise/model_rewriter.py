"""What every rewrite of a model needs: who writes and who reads an operand, and constants' values."""

from __future__ import annotations

from collections import Counter

from nnapi_core.nnapi.constant import Array
from nnapi_core.nnapi.model import Model


def producers(model: Model) -> dict[int, int]:
    """Operand → index of the operation that writes it."""
    return {
        operand: index
        for index, operation in enumerate(model.operations)
        for operand in operation.outputs
    }


def readers(model: Model) -> Counter[int]:
    """Operand → how often it is read; being a model output counts."""
    counts: Counter[int] = Counter(model.outputs)
    for operation in model.operations:
        counts.update(operation.inputs)
    return counts


def constant_array(model: Model, operand: int) -> Array | None:
    constant = model.operands[operand].constant
    return None if constant is None else constant.array()


def follow(substitutes: dict[int, int], operand: int) -> int:
    while operand in substitutes:
        operand = substitutes[operand]
    return operand
