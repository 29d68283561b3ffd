"""How much an operation of a model computes and moves, from the shapes of its operands."""

from __future__ import annotations

from math import prod

from attrs import frozen

from nnapi_core.nnapi.model import Model, Operation
from nnapi_core.nnapi.types import OperandType

_RECURRENT = ("LSTM", "RNN", "SVDF")


@frozen
class Work:
    """``macs``: multiply-accumulates with weights, or of matrices. ``moved``: bytes of all tensors, each once."""

    macs: int
    moved: int
    quantised: bool

    @classmethod
    def of(cls, model: Model, operation: Operation) -> Work:
        """What one run of it takes; zeros where a shape is known only then, and for control flow."""
        given: dict[str, OperandType] = {}
        operands = [model.operands[index] for index in operation.inputs]
        form = operation.spec.form_for([operand.type.code for operand in operands]) or ()
        for place, (slot, operand) in enumerate(zip(form, operands, strict=False)):
            if not operand.omitted and operand.submodel is None:
                given[f"{slot.name} {place}" if slot.repeated else slot.name] = operand.type
        outputs = [model.operands[index].type for index in operation.outputs]
        tensors = [one for one in (*given.values(), *outputs) if not one.code.is_scalar]
        quantised = any(one.code.is_quantised for one in list(given.values())[:1])
        if operation.spec.name in ("IF", "WHILE") or not (form and all(map(_is_known, tensors))):
            return cls(0, 0, quantised)
        moved = sum(prod(_sizes(one)) * one.code.element.itemsize for one in tensors)
        shapes = {name: _sizes(one) for name, one in given.items()}
        return cls(_macs(operation.spec.name, shapes, _sizes(outputs[0])), moved, quantised)


def _macs(name: str, shapes: dict[str, tuple[int, ...]], out: tuple[int, ...]) -> int:
    if name in ("CONV_2D", "GROUPED_CONV_2D", "FULLY_CONNECTED"):
        return prod(out) * prod(shapes["weights"][1:])
    if name == "DEPTHWISE_CONV_2D":
        return prod(out) * prod(shapes["weights"][1:3])
    if name == "TRANSPOSE_CONV_2D":
        return prod(shapes["input"]) * prod(shapes["weights"][:3])
    if name == "BATCH_MATMUL":
        summed = prod(shapes["a"][-2:]) // max(out[-2], 1)
        return prod(out) * summed
    if name.endswith(_RECURRENT):
        # Every matrix is used once for each row of the input.
        matrices = (one for part, one in shapes.items() if "weights" in part and len(one) == 2)
        return prod(shapes["input"][:-1]) * sum(map(prod, matrices))
    return 0


def _is_known(type_: OperandType) -> bool:
    return bool(type_.dims) and all(isinstance(dim, int) for dim in type_.dims)


def _sizes(type_: OperandType) -> tuple[int, ...]:
    return tuple(int(dim) for dim in type_.dims if isinstance(dim, int))
