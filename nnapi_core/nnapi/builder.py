"""Builds a `Model`, checking every operation against the opset as it is emitted."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from attrs import frozen

from nnapi_core.errors import Unsupported
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.device_profile import DeviceProfile
from nnapi_core.nnapi.model import Model, Operand, Operation, Origin
from nnapi_core.nnapi.opset import OperandSpec, OperationSpec, TypeRule
from nnapi_core.nnapi.types import ABBREVIATIONS, OperandCode, OperandType, Quant
from nnapi_core.reasons import Reason

# One number an operand, of every builder.
_serials = itertools.count(1)


@frozen
class Ref:
    """An operand of the model being built, and of no other: ``serial`` is never given twice."""

    index: int
    serial: int = 0


@frozen(eq=False)
class TypedConstant:
    """A constant and the operand type that it is stored as."""

    constant: Constant
    type: OperandType


# What an operand of an operation may be given as: scalars and lists of integers become constants;
# a repeated operand is a list of arguments; None omits an optional operand.
Argument = Ref | TypedConstant | Model | bool | int | float | Sequence[Any] | None

# Scalars that every list has, and what they are where they are not given.
_IMPLIED: dict[str, bool | int] = {"activation": 0, "transpose_a": False, "transpose_b": False}
# Optional scalars that must be written because a later one is given: what they mean when absent.
_DEFAULTS: dict[str, bool | int] = {
    "nchw": False,
    "align_corners": False,
    "half_pixel_centers": False,
    "dilation_width": 1,
    "dilation_height": 1,
    "axis": -1,
}


_NOWHERE = Origin()


class Builder:
    """Collects operands and operations.

    One that needs a level above ``target``, that the device of ``profile`` does not take, or (with ``stock``) that
    stock PyTorch's format cannot say, is refused.
    """

    def __init__(
        self, target: int, profile: DeviceProfile | None = None, *, stock: bool = False
    ) -> None:
        self.target = target
        self.stock = stock
        self.profile = profile
        self.operands: list[Operand] = []
        self.operations: list[Operation] = []
        self._constants: dict[tuple[Any, ...], Ref] = {}
        self._refs: list[Ref] = []

    def __repr__(self) -> str:
        return f"<Builder level {self.target}: {len(self.operations)} operations>"

    # ---- operands

    def variable(self, type_: OperandType) -> Ref:
        """A model input, or the result of an operation."""
        return self._add(Operand(type_))

    def _add(self, operand: Operand) -> Ref:
        ref = Ref(len(self.operands), next(_serials))
        self.operands.append(operand)
        self._refs.append(ref)
        return ref

    def owns(self, ref: Ref) -> bool:
        """Is it an operand of this model? Not if it was kept from another, or from an emit that was taken back."""
        return 0 <= ref.index < len(self._refs) and self._refs[ref.index] == ref

    def constant(self, constant: Constant, type_: OperandType) -> Ref:
        """An operand with a fixed value; equal ones are stored once."""
        if constant.dtype != type_.code.element or (type_.dims and constant.shape != type_.dims):
            raise ValueError(f"{constant.dtype}{list(constant.shape)} cannot be stored as {type_}")
        key = (type_, constant.key)
        if key not in self._constants:
            self._constants[key] = self._add(Operand(type_, constant))
        return self._constants[key]

    def type_of(self, ref: Ref) -> OperandType:
        """Raises `TypeError` for an operand of another model."""
        if not self.owns(ref):
            raise TypeError(
                f"operand {ref.index} is of another model: a Value is good for the call that it was given to"
            )
        return self.operands[ref.index].type

    def producer(self, ref: Ref) -> Operation | None:
        """The operation that writes ``ref``, if it is among the latest emitted."""
        for operation in reversed(self.operations):
            if ref.index in operation.outputs:
                return operation
        return None

    # ---- operations

    def emit(
        self,
        spec: OperationSpec,
        arguments: Mapping[str, Argument],
        outputs: Sequence[OperandType],
        origin: Origin = _NOWHERE,
    ) -> tuple[Ref, ...]:
        """Appends one operation, with its operands by name, and returns its results.

        Raises `Unsupported` where the operation, a type combination or an optional operand is not in NNAPI
        at the target level, and `TypeError` for names that the operation does not have.
        """
        form = _choose_form(spec, arguments)
        slots = list(_slots(spec, form, arguments))
        if self.stock and any(value is None or isinstance(value, Model) for _, value in slots):
            raise Unsupported(
                f"stock PyTorch's format cannot say {spec} in this form: it has neither omitted operands "
                "nor models in models",
                Reason.STOCK_FORMAT,
            )
        rule, level = self.check(spec, slots, outputs)
        inputs = tuple(self._operand(spec, slot, value, rule).index for slot, value in slots)
        results = tuple(self.variable(type_) for type_ in outputs)
        self.operations.append(
            Operation(spec, inputs, tuple(r.index for r in results), origin, level)
        )
        return results

    def check(
        self,
        spec: OperationSpec,
        slots: Sequence[tuple[OperandSpec, Argument]],
        outputs: Sequence[OperandType],
    ) -> tuple[TypeRule, int]:
        """The oldest type rule that fits, and the level needed; ranks are checked too.

        Raises `Unsupported` where there is none at the target level, or the device does not take it.
        """
        given: list[tuple[str, OperandType]] = []
        for slot, value in slots:
            if isinstance(value, Ref):
                given.append((slot.kind, self.type_of(value)))
            elif isinstance(value, TypedConstant):
                given.append((slot.kind, value.type))
        for index, type_ in enumerate(outputs):
            given.append((spec.outputs[min(index, len(spec.outputs) - 1)].kind, type_))
        rule = next((rule for rule in spec.rules if _fits(rule, given)), None)
        if rule is None:
            types = ", ".join(str(type_) for _, type_ in given)
            raise Unsupported(
                f"NNAPI's {spec} does not take these types", Reason.TYPES, types=types
            )
        level = max(
            [spec.level, rule.level]
            + [slot.since for slot, value in slots if value is not None]
            + [slot.since for slot, _ in zip(spec.outputs, outputs, strict=False)]
        )
        tensors = [(kind, type_) for kind, type_ in given if not type_.code.is_scalar]
        first = next((type_ for kind, type_ in sorted(tensors, key=_not_own_type)), None)
        if first is not None:
            rank = len(first.dims)
            if not spec.rank.least <= rank <= spec.rank.most:
                raise Unsupported(
                    f"NNAPI's {spec} takes operands of rank {spec.rank.text}",
                    Reason.RANK,
                    rank=rank,
                )
            if spec.rank.early and rank not in spec.rank.early:
                level = max(level, 29)
        if level > self.target:
            raise Unsupported(
                f"{spec} in this form needs feature level {level}",
                Reason.FEATURE_LEVEL,
                target=self.target,
            )
        if self.profile is not None:
            self.profile.check(spec, [type_.code for _, type_ in given])
        return rule, level

    def _operand(
        self, spec: OperationSpec, slot: OperandSpec, value: Argument, rule: TypeRule
    ) -> Ref:
        match value:
            case Ref():
                return value
            case TypedConstant(constant=constant, type=type_):
                return self.constant(constant, type_)
            case Model():
                return self._add(Operand(OperandType(OperandCode.MODEL), submodel=value))
        code = _code(slot.kind, rule)
        if value is None:
            # A scale must be valid even where there are no values.
            quant = Quant(1.0) if code.is_quantised else None
            type_ = OperandType(code, () if code.is_scalar else (0,), quant)
            return self._add(Operand(type_, omitted=True))
        if isinstance(value, (bool, int, float, np.bool_, np.integer, np.floating)):
            if not code.is_scalar:
                raise TypeError(f"{spec}: {slot.name} is a tensor, not the number {value!r}")
            if code.element.kind in "iu" and int(value) != value:
                raise TypeError(f"{spec}: {slot.name} is an integer, not {value!r}")
            return self.constant(Constant.of(value, code.element), OperandType(code))
        if isinstance(value, Sequence) and slot.kind == "i32":
            data = Constant.of([int(item) for item in value], np.int32)
            return self.constant(data, OperandType(OperandCode.TENSOR_INT32, data.shape))
        raise TypeError(f"{spec}: {slot.name} cannot be {value!r}")

    # ---- the result

    def finish(self, inputs: Sequence[Ref], outputs: Sequence[Ref]) -> Model:
        return Model(
            operands=tuple(self.operands),
            operations=tuple(self.operations),
            inputs=tuple(ref.index for ref in inputs),
            outputs=tuple(ref.index for ref in outputs),
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Takes back everything emitted inside when the body raises."""
        operands, operations = len(self.operands), len(self.operations)
        try:
            yield
        except BaseException:
            del self.operands[operands:], self._refs[operands:], self.operations[operations:]
            stale = [key for key, ref in self._constants.items() if ref.index >= operands]
            for key in stale:
                del self._constants[key]
            raise


def _choose_form(spec: OperationSpec, arguments: Mapping[str, Argument]) -> tuple[OperandSpec, ...]:
    for form in spec.forms:
        names = {slot.name for slot in form}
        required = {slot.name for slot in form if not slot.optional and not slot.repeated}
        required -= _IMPLIED.keys()
        if names.issuperset(arguments) and required.issubset(arguments):
            return form
    forms = " or ".join(f"({', '.join(slot.name for slot in form)})" for form in spec.forms)
    raise TypeError(f"{spec} takes {forms}, not ({', '.join(arguments)})")


def _slots(
    spec: OperationSpec, form: Sequence[OperandSpec], arguments: Mapping[str, Argument]
) -> Iterator[tuple[OperandSpec, Argument]]:
    """Every operand in order. Trailing ones that are not given and younger than the operation are left out.

    Those as old as the operation count: drivers ask for them, if only as omitted.
    """
    filled: list[tuple[OperandSpec, Argument]] = []
    for slot in form:
        if slot.repeated:
            values = arguments.get(slot.name, ())
            if not isinstance(values, Sequence):
                raise TypeError(f"{slot.name} is a list of operands")
            filled.extend((slot, value) for value in values)
        else:
            fallback: Argument = None if slot.optional else _IMPLIED.get(slot.name)
            value = arguments.get(slot.name)
            filled.append((slot, fallback if value is None else value))
    left_out: list[tuple[OperandSpec, Argument]] = []
    while filled and filled[-1][1] is None:
        slot = filled[-1][0]
        if not slot.optional or slot.since <= spec.level:
            break
        left_out.append(filled.pop())
    while left_out and not left_out[-1][0].may_end:
        filled.append(left_out.pop())
    for slot, value in filled:
        if value is None and slot.optional and slot.name in _DEFAULTS:
            value = _DEFAULTS[slot.name]
        yield slot, value


def _not_own_type(operand: tuple[str, OperandType]) -> bool:
    """Sorts operands of the operation's own type, T, before indices, masks and shapes."""
    return operand[0] != "T"


def _fits(rule: TypeRule, given: Sequence[tuple[str, OperandType]]) -> bool:
    for kind, type_ in given:
        if kind == "any":
            continue
        wanted = rule.types.get(kind, ABBREVIATIONS.get(kind))
        if kind == "S":
            wanted = _scalar_of(rule)
        if wanted is not None and wanted is not type_.code:
            return False
    return True


def _scalar_of(rule: TypeRule) -> OperandCode:
    half = OperandCode.TENSOR_FLOAT16 in rule.types.values()
    return OperandCode.FLOAT16 if half else OperandCode.FLOAT32


def _code(kind: str, rule: TypeRule) -> OperandCode:
    if kind == "S":
        return _scalar_of(rule)
    return rule.types[kind] if kind in rule.types else ABBREVIATIONS[kind]
