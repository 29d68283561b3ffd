"""Transposes after transposes and reshapes after reshapes become one, or none."""

from __future__ import annotations

import numpy as np
from attrs import evolve

from nnapi_core.lowering.optimize.rewrite import follow, redirected
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.layout import compose
from nnapi_core.nnapi.model import Model, Operand, Operation
from nnapi_core.nnapi.types import OperandCode, OperandType


def merge_moves(model: Model) -> Model:
    operands = list(model.operands)
    written_by: dict[int, Operation] = {}
    substitutes: dict[int, int] = {}
    operations: list[Operation] = []
    outputs = set(model.outputs)
    for operation in model.operations:
        operation = redirected(operation, substitutes)
        match operation.spec.name:
            case "TRANSPOSE":
                operation = _merged_transpose(operands, operation, written_by)
                idle = _permutation(operands, operation) == _identity(operands, operation)
            case "RESHAPE":
                before = written_by.get(operation.inputs[0])
                if before is not None and before.spec.name == "RESHAPE":
                    operation = evolve(operation, inputs=(before.inputs[0], operation.inputs[1]))
                source, result = operation.inputs[0], operation.outputs[0]
                idle = operands[source].type == operands[result].type
            case _:
                idle = False
        result = operation.outputs[0]
        if idle and result not in outputs:
            substitutes[result] = operation.inputs[0]
            continue
        operations.append(operation)
        for operand in operation.outputs:
            written_by[operand] = operation
    return evolve(
        model,
        operands=tuple(operands),
        operations=tuple(operations),
        outputs=tuple(follow(substitutes, operand) for operand in model.outputs),
    )


def _identity(operands: list[Operand], operation: Operation) -> tuple[int, ...]:
    return tuple(range(len(operands[operation.inputs[0]].type.dims)))


def _permutation(operands: list[Operand], operation: Operation) -> tuple[int, ...] | None:
    if len(operation.inputs) < 2:
        return tuple(reversed(_identity(operands, operation)))
    constant = operands[operation.inputs[1]].constant
    return None if constant is None else tuple(int(dim) for dim in constant.array())


def _merged_transpose(
    operands: list[Operand], operation: Operation, written_by: dict[int, Operation]
) -> Operation:
    before = written_by.get(operation.inputs[0])
    if before is None or before.spec.name != "TRANSPOSE":
        return operation
    outer = _permutation(operands, operation)
    inner = _permutation(operands, before)
    if outer is None or inner is None:
        return operation
    value = Constant.of(list(compose(outer, inner)), np.int32)
    type_ = OperandType(OperandCode.TENSOR_INT32, value.shape)
    operands.append(Operand(type_, value))
    return evolve(operation, inputs=(before.inputs[0], len(operands) - 1))
