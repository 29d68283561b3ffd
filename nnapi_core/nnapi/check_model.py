"""A model that a rewrite made, held against the opset and against the model that it is to replace."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from nnapi_core.errors import ConversionError, Unsupported
from nnapi_core.nnapi.builder import Builder, Ref
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.device_profile import DeviceProfile
from nnapi_core.nnapi.model import Model, Operand, Operation
from nnapi_core.nnapi.opset import OperandSpec, OperationSpec, may_have, ops
from nnapi_core.nnapi.types import OperandCode, OperandType, SymbolicDim

# Dimensions are 32 bits wide; 0 is one that is not known.
_MOST = 2**32


def check_rewritten(
    model: Model, before: Model, *, level: int, profile: DeviceProfile | None = None
) -> Model:
    """``model``, with the level of each operation as it is.

    It must be valid at ``level`` (for ``profile``), and take and give what ``before`` does. Raises `ConversionError`.
    """
    checked = check_model(model, level=level, profile=profile)
    for role in ("inputs", "outputs"):
        has, had = (_types(one, getattr(one, role)) for one in (model, before))
        if has != had:
            raise ConversionError(
                f"its {role} are {', '.join(map(str, has))}, not {', '.join(map(str, had))}"
            )
    return checked


def _types(model: Model, indices: Sequence[int]) -> list[OperandType]:
    return [model.operands[index].type for index in indices]


def check_model(model: Model, *, level: int, profile: DeviceProfile | None = None) -> Model:
    """``model``, with the level of each operation as it is. Raises `ConversionError` for one that is not valid.

    Operations come after what they read, each is one of the opset with these operands and types at ``level`` (and
    taken by the device of ``profile``), and every value is written once.
    """
    for name, kind in (
        ("operands", Operand),
        ("operations", Operation),
        ("inputs", int),
        ("outputs", int),
    ):
        members = getattr(model, name)
        if not isinstance(members, tuple) or not all(isinstance(one, kind) for one in members):
            raise ConversionError(f"{name} is not a tuple of {kind.__name__}")
    builder = Builder(level, profile)
    refs, operands = [], []
    for index, operand in enumerate(model.operands):
        operand = _checked_operand(index, operand, level, profile)
        operands.append(operand)
        refs.append(builder.variable(operand.type))
    known = {index for index, operand in enumerate(model.operands) if not operand.is_variable}
    _write(known, model.inputs, model, "the inputs")
    operations = []
    for number, operation in enumerate(model.operations):
        where = f"operation {number} ({operation.spec})"
        for index in operation.inputs:
            if index not in known:
                raise ConversionError(
                    f"{where} reads operand {index}, which nothing before it makes"
                )
        _write(known, operation.outputs, model, where)
        try:
            operations.append(_checked_operation(builder, refs, model, operation))
        except (Unsupported, TypeError) as error:
            raise ConversionError(f"{where}: {error}") from error
    made = {index for operation in model.operations for index in operation.outputs}
    if len(set(model.outputs)) != len(model.outputs) or not made.issuperset(model.outputs):
        raise ConversionError("each output must be another result of an operation")
    return evolve(model, operands=tuple(operands), operations=tuple(operations))


def _write(known: set[int], indices: Sequence[int], model: Model, where: str) -> None:
    for index in indices:
        if not 0 <= index < len(model.operands):
            raise ConversionError(
                f"{where}: there is no operand {index}, only {len(model.operands)}"
            )
        if index in known:
            raise ConversionError(f"{where}: operand {index} has a value already")
        known.add(index)


def _checked_operand(
    index: int, operand: Operand, level: int, profile: DeviceProfile | None
) -> Operand:
    type_, where = operand.type, f"operand {index}"
    if not isinstance(type_, OperandType) or not isinstance(type_.code, OperandCode):
        raise ConversionError(f"{where} has no type of NNAPI's, but {type_!r}")
    for dim in type_.dims:
        if not isinstance(dim, SymbolicDim) and not (isinstance(dim, int) and 0 <= dim < _MOST):
            raise ConversionError(f"{where} has the dimension {dim!r}")
    sources = (operand.constant is not None, operand.submodel is not None, operand.omitted)
    if sum(sources) > 1:
        raise ConversionError(f"{where} has more than one value")
    constant = operand.constant
    if constant is not None:
        if not isinstance(constant, Constant) or constant.dtype != type_.code.element:
            raise ConversionError(f"{where} ({type_}) cannot hold the constant {constant!r}")
        if type_.dims and constant.shape != type_.dims and constant.largest is None:
            raise ConversionError(f"{where} ({type_}) has a constant of shape {constant.shape}")
    if operand.submodel is None:
        return operand
    try:
        inner = check_model(operand.submodel, level=level, profile=profile)
    except ConversionError as error:
        raise ConversionError(f"{where}, a submodel: {error}") from error
    return evolve(operand, submodel=inner)


def _checked_operation(
    builder: Builder, refs: Sequence[Ref], model: Model, operation: Operation
) -> Operation:
    """The operation with its own level. Raises `Unsupported` or `TypeError`."""
    spec = operation.spec
    if not isinstance(spec, OperationSpec) or ops.of_code(spec.code) is not spec:
        raise TypeError("is no operation of NNAPI's opset")
    given = [model.operands[index] for index in operation.inputs]
    form = spec.form_for([one.type.code for one in given])
    if form is None:
        raise TypeError(f"does not take {', '.join(str(one.type) for one in given)}")
    slots = [
        (slot, None if operand.omitted else refs[index])
        for slot, operand, index in zip(form, given, operation.inputs, strict=True)
    ]
    missing = [slot.name for slot, value in slots if value is None and not slot.nullable]
    if missing:
        raise TypeError(f"{missing[0]} is omitted, but not optional")
    _check_count(spec.outputs, len(operation.outputs))
    results = [model.operands[index].type for index in operation.outputs]
    _, level = builder.check(spec, slots, results)
    return evolve(operation, level=level)


def _check_count(outputs: Sequence[OperandSpec], count: int) -> None:
    if any(one.repeated for one in outputs):
        return
    if not may_have(outputs, count):
        counts = [number for number in range(len(outputs) + 1) if may_have(outputs, number)]
        raise TypeError(f"has {count} results, where it gives {' or '.join(map(str, counts))}")
