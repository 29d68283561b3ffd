"""What every rewrite of a model needs: who writes and who reads an operand, and constants' values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from attrs import evolve

from nnapi_core.nnapi.constant import Array, Constant
from nnapi_core.nnapi.model import Model, Operand, Operation
from nnapi_core.nnapi.types import OperandCode, OperandType


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


class ModelRewriter:
    """A model being rewritten: its operands, and those that are added. Made by `rewrite_operations`."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.operands: list[Operand] = list(model.operands)
        self.readers: Counter[int] = readers(model)
        """How often each operand of the model is read; being a result counts."""
        self._producers = producers(model)

    def producer(self, operand: int) -> Operation | None:
        """The operation of the model that writes an operand; None for inputs and constants."""
        index = self._producers.get(operand)
        return None if index is None else self.model.operations[index]

    def array(self, operand: int) -> Array | None:
        """A constant's elements, as the model has them; None for what is computed."""
        constant = self.operands[operand].constant
        return None if constant is None else constant.array()

    def temporary(self, type: OperandType) -> int:
        """A new operand for an operation to write."""
        self.operands.append(Operand(type))
        return len(self.operands) - 1

    def constant(self, data: Any, type: OperandType) -> int:
        """A new constant: numbers in the order of the operand, of its number of elements."""
        array = np.asarray(data, type.code.element)
        self.operands.append(Operand(type, Constant.of(array)))
        return len(self.operands) - 1

    def scalar(self, number: float, code: OperandCode = OperandCode.INT32) -> int:
        """A new scalar, such as a fused activation."""
        return self.constant(number, OperandType(code))


def rewrite_operations(
    model: Model, rewrite: Callable[[ModelRewriter, Operation], Sequence[Operation] | None]
) -> Model:
    """The model with what ``rewrite`` says in the place of each operation, and without what nothing reads then.

    ``rewrite`` is given each operation in order, and returns those that are to stand there, or None where it stays. Its
    operands are numbers: positions in ``rewriter.operands``. The operations' levels are computed anew by whoever runs
    the pass. Models inside of IF and WHILE are rewritten, too.
    """
    inner = tuple(
        one
        if one.submodel is None
        else evolve(one, submodel=rewrite_operations(one.submodel, rewrite))
        for one in model.operands
    )
    model = evolve(model, operands=inner)
    rewriter = ModelRewriter(model)
    operations: list[Operation] = []
    for operation in model.operations:
        instead = rewrite(rewriter, operation)
        operations += [operation] if instead is None else instead
    made = evolve(model, operands=tuple(rewriter.operands), operations=tuple(operations))
    return made.pruned()
