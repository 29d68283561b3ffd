"""RELU, RELU1 and RELU6 become the fused activation of the operation before them."""

from __future__ import annotations

import numpy as np
from attrs import evolve

from nnapi_core.lowering.optimise.model_rewriter import constant_array, producers, readers
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.model import Model, Operand, Operation
from nnapi_core.nnapi.types import FuseCode, OperandCode, OperandType

_CODES = {"RELU": FuseCode.RELU, "RELU1": FuseCode.RELU1, "RELU6": FuseCode.RELU6}


def fuse_activations(model: Model) -> Model:
    written_by, read = producers(model), readers(model)
    operands = list(model.operands)
    operations: list[Operation | None] = list(model.operations)
    codes: dict[FuseCode, int] = {}

    def operand_of(code: FuseCode) -> int:
        if code not in codes:
            value = Constant.of(int(code), np.int32)
            operands.append(Operand(OperandType(OperandCode.INT32), value))
            codes[code] = len(operands) - 1
        return codes[code]

    for index, activation in enumerate(model.operations):
        code = _CODES.get(activation.spec.name)
        before = activation.inputs[0]
        if code is None or read[before] != 1 or before not in written_by:
            continue
        producer = operations[written_by[before]]
        slot = _free_slot(model, producer)
        if producer is None or slot is None:
            continue
        inputs = list(producer.inputs)
        inputs[slot] = operand_of(code)
        operations[written_by[before]] = evolve(
            producer, inputs=tuple(inputs), outputs=activation.outputs
        )
        operations[index] = None
        written_by[activation.outputs[0]] = written_by[before]
    kept = tuple(operation for operation in operations if operation is not None)
    return evolve(model, operands=tuple(operands), operations=kept)


def _free_slot(model: Model, operation: Operation | None) -> int | None:
    """The position of the operation's activation, if it has one and it is NONE."""
    if operation is None or len(operation.outputs) != 1:
        return None
    types = [
        model.operands[index].type.code for index in operation.inputs if index < len(model.operands)
    ]
    form = operation.spec.form_for(types)
    if form is None or len(types) != len(operation.inputs):
        return None
    if model.operands[operation.outputs[0]].type.code is OperandCode.TENSOR_INT32:
        return None
    for position, slot in enumerate(form):
        if slot.name == "activation" and operation.spec.name not in ("LSTM", "RNN"):
            value = constant_array(model, operation.inputs[position])
            return position if value is not None and int(value) == FuseCode.NONE else None
    return None
