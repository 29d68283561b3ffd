"""Operations that work on permuted dimensions as well, and how their other operands change then."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from attrs import evolve, frozen

from nnapi_core.lowering.optimise.model_rewriter import constant_array
from nnapi_core.nnapi.constant import Array, Constant
from nnapi_core.nnapi.model import Model, Operand, Operation
from nnapi_core.nnapi.types import OperandType

_ELEMENTWISE = {
    "ABS", "NEG", "EXP", "LOG", "SQRT", "RSQRT", "SIN", "FLOOR", "RELU", "RELU1", "RELU6", "LOGISTIC",
    "TANH", "HARD_SWISH", "ELU", "ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "POW", "PRELU",
}  # fmt: skip
_REDUCTIONS = {"MEAN", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_SUM", "REDUCE_PROD"}

Change = Callable[[Array, Sequence[int]], Array]


def _axis(value: Array, permutation: Sequence[int]) -> Array:
    rank = len(permutation)
    moved = [list(permutation).index(int(axis) % rank) for axis in value.reshape(-1)]
    return np.array(moved, value.dtype).reshape(value.shape)


def _rows(value: Array, permutation: Sequence[int]) -> Array:
    return value[list(permutation)]


def _bits(value: Array, permutation: Sequence[int]) -> Array:
    bits = sum((int(value) >> dim & 1) << index for index, dim in enumerate(permutation))
    return np.array(bits, value.dtype)


# What the operands that speak of dimensions become; every other operand that is not listed stays.
_PARAMETERS: dict[str, dict[str, Change]] = {
    "CONCATENATION": {"axis": _axis},
    "SPLIT": {"axis": _axis},
    "SOFTMAX": {"axis": _axis},
    "LOG_SOFTMAX": {"axis": _axis},
    "PAD": {"paddings": _rows},
    "PAD_V2": {"paddings": _rows},
    "SLICE": {"begin": _rows, "size": _rows},
    "STRIDED_SLICE": {
        "begin": _rows, "end": _rows, "strides": _rows, "begin_mask": _bits, "end_mask": _bits,
    },
    **{name: {"axes": _axis} for name in _REDUCTIONS},
}  # fmt: skip

# Whether dimensions disappear: those that do would not be where they were.
_WANTED = {"keep_dims": True, "shrink_axis_mask": False}


@frozen
class Permutable:
    """An operation with its tensors told from its parameters; all tensors are of one rank and type."""

    operation: Operation
    rank: int
    tensors: tuple[int, ...]
    """Positions of the inputs that are computed and move with the dimensions."""
    constants: tuple[int, ...]
    """Positions of constants that broadcast against them."""
    parameters: tuple[tuple[int, Change], ...]


def permutable(model: Model, operation: Operation) -> Permutable | None:
    """The operation as one that works on any permutation of its dimensions; None if it is no such one."""
    name = operation.spec.name
    if name not in _ELEMENTWISE and name not in _PARAMETERS:
        return None
    types = [model.operands[index].type for index in operation.inputs]
    form = operation.spec.form_for([type_.code for type_ in types])
    first = model.operands[operation.outputs[0]].type
    rank = len(first.dims)
    if form is None or rank < 2:
        return None
    changes = _PARAMETERS.get(name, {})
    tensors, constants, parameters = [], [], []
    seen = set()
    for position, (slot, index) in enumerate(zip(form, operation.inputs, strict=True)):
        operand, array = model.operands[index], None
        if not operand.is_variable:
            array = constant_array(model, index) if slot.name in changes else None
        if slot.name in changes:
            if array is None:
                return None
            parameters.append((position, changes[slot.name]))
            seen.add(slot.name)
        elif slot.name in _WANTED and _is_set(model, index) is not _WANTED[slot.name]:
            return None
        elif operand.is_variable:
            if operand.type.code is not first.code or len(operand.type.dims) != rank:
                return None
            tensors.append(position)
        elif not operand.type.code.is_scalar and operand.constant is not None:
            constants.append(position)
    results = [model.operands[index].type for index in operation.outputs]
    if seen != set(changes) or any(
        one.code is not first.code or len(one.dims) != rank or not _is_fixed(one) for one in results
    ):
        return None
    return Permutable(operation, rank, tuple(tensors), tuple(constants), tuple(parameters))


def _is_set(model: Model, index: int) -> bool | None:
    array = constant_array(model, index)
    return None if array is None else bool(array)


def _is_fixed(type_: OperandType) -> bool:
    return all(isinstance(dim, int) and dim > 0 for dim in type_.dims)


def permuted_operand(operand: Operand, permutation: Sequence[int]) -> Operand:
    """A tensor of the same rank, with its dimensions permuted; a constant is aligned to the rank first."""
    dims = operand.type.dims
    dims = (1,) * (len(permutation) - len(dims)) + dims
    moved = evolve(operand.type, dims=tuple(dims[dim] for dim in permutation))
    if operand.constant is None:
        return Operand(moved)
    aligned = operand.constant.reshape([dim for dim in dims if isinstance(dim, int)])
    return Operand(moved, aligned.transpose(permutation))


def permuted_parameter(operand: Operand, change: Change, permutation: Sequence[int]) -> Operand:
    assert operand.constant is not None
    return evolve(operand, constant=Constant.of(change(operand.constant.array(), permutation)))
