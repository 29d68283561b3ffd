"""What every rewrite of a model needs: who writes and who reads an operand, and constants' values."""

from __future__ import annotations

from collections import Counter

from attrs import evolve

from nnapi_core.nnapi.constant import Array
from nnapi_core.nnapi.model import Model, Operation


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


def redirected(operation: Operation, substitutes: dict[int, int]) -> Operation:
    """The operation reading the substitutes (followed to their end) of its inputs."""
    if not substitutes:
        return operation
    return evolve(operation, inputs=tuple(follow(substitutes, one) for one in operation.inputs))


def follow(substitutes: dict[int, int], operand: int) -> int:
    while operand in substitutes:
        operand = substitutes[operand]
    return operand
