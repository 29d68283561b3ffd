"""The same model lowered at several sizes, as one: operands by what they are for, not by what they happen to equal.

A builder stores equal constants once, and which are equal depends on the sizes: a width of 7 is also somebody's
padding. Here two uses share an operand only if they agree at all sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from attrs import evolve, frozen

from nnapi_core.errors import Unsupported
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.model import Model, Operand, Operation, Origin
from nnapi_core.nnapi.serialize import IMMEDIATE_BYTES
from nnapi_core.nnapi.types import OperandType


class DiffersBySize(Unsupported):
    """What is emitted depends on the sizes by more than numbers; ``origin`` is where that begins."""

    def __init__(self, message: str, origin: Origin, **details: Any) -> None:
        super().__init__(message, **details)
        self.origin = origin


@frozen(eq=False)
class LeadingSlice:
    """A constant that is a leading part of a larger one, of another shape at each size."""

    largest: Constant
    shapes: tuple[tuple[int, ...], ...]
    origin: Origin


@frozen(eq=False)
class Aligned:
    """One model per size, whose operands and operations correspond by index."""

    models: tuple[Model, ...]
    leading_slices: tuple[LeadingSlice, ...]


def align(models: Sequence[Model]) -> Aligned:
    """Raises `DiffersBySize` where the models are not the same up to dimensions and values of constants."""
    aligner = _Aligner(models)
    aligned = aligner.run()
    return Aligned(tuple(aligned), tuple(aligner.leading_slices))


class _Aligner:
    def __init__(self, models: Sequence[Model]) -> None:
        self.models = models
        self.leading_slices: list[LeadingSlice] = []
        self._rows: list[tuple[Operand, ...]] = []
        self._variables: list[dict[int, int]] = [{} for _ in models]
        self._constants: dict[Any, int] = {}
        self._origin = Origin()

    def run(self) -> list[Model]:
        first = self.models[0]
        if len({(len(one.inputs), len(one.outputs)) for one in self.models}) > 1:
            self._differ("the tensors that enter or leave")
        inputs = [
            self._variable(column) for column in zip(*(m.inputs for m in self.models), strict=True)
        ]
        operations = []
        for position, operation in enumerate(first.operations):
            self._origin = operation.origin
            column = [m.operations[position : position + 1] for m in self.models]
            if any(not one for one in column):
                self._differ("the number of operations")
            operations.append(self._operation([one[0] for one in column]))
        for model in self.models:
            for operation in model.operations[len(operations) :]:
                self._origin = operation.origin
                self._differ("the number of operations")
        outputs = [
            self._known(column) for column in zip(*(m.outputs for m in self.models), strict=True)
        ]
        return [
            Model(
                tuple(row[index] for row in self._rows),
                tuple(operations),
                tuple(inputs),
                tuple(outputs),
            )
            for index in range(len(self.models))
        ]

    def _differ(self, what: str, **details: Any) -> NoReturn:
        raise DiffersBySize(f"{what} depends on the free sizes", self._origin, **details)

    def _operation(self, column: Sequence[Operation]) -> Operation:
        first = column[0]
        if len({(one.spec, len(one.inputs), len(one.outputs)) for one in column}) > 1:
            self._differ(
                "which NNAPI operation computes it", forms={str(one.spec) for one in column}
            )
        inputs = [self._read(slot) for slot in zip(*(one.inputs for one in column), strict=True)]
        outputs = [
            self._variable(slot) for slot in zip(*(one.outputs for one in column), strict=True)
        ]
        level = max(one.level for one in column)
        return evolve(first, inputs=tuple(inputs), outputs=tuple(outputs), level=level)

    def _row(self, indices: Sequence[int]) -> tuple[Operand, ...]:
        row = tuple(m.operands[i] for m, i in zip(self.models, indices, strict=True))
        if len({(one.type.code, len(one.type.dims), one.type.quant) for one in row}) > 1:
            self._differ("the type of an operand", types={str(one.type) for one in row})
        return row

    def _variable(self, indices: Sequence[int]) -> int:
        self._rows.append(self._row(indices))
        for table, index in zip(self._variables, indices, strict=True):
            table[index] = len(self._rows) - 1
        return len(self._rows) - 1

    def _known(self, indices: Sequence[int]) -> int:
        numbers = {table[index] for table, index in zip(self._variables, indices, strict=True)}
        if len(numbers) > 1:
            self._differ("which tensor it reads")
        return numbers.pop()

    def _read(self, indices: Sequence[int]) -> int:
        row = self._row(indices)
        kinds = {(one.is_variable, one.omitted, one.submodel is not None) for one in row}
        if len(kinds) > 1:
            self._differ("whether an operand is a constant")
        if row[0].is_variable:
            return self._known(indices)
        if row[0].omitted:
            self._rows.append(row)
            return len(self._rows) - 1
        if row[0].submodel is not None:
            return self._submodels(row)
        constants = [one.constant for one in row if one.constant is not None]
        types = tuple(one.type for one in row)
        key = (types, tuple(one.key for one in constants))
        if key not in self._constants:
            self._rows.append(self._constant_row(types, constants))
            self._constants[key] = len(self._rows) - 1
        return self._constants[key]

    def _submodels(self, row: Sequence[Operand]) -> int:
        key = tuple(id(one.submodel) for one in row)
        if key not in self._constants:
            inner = _Aligner([one.submodel for one in row if one.submodel is not None])
            aligned = inner.run()
            self.leading_slices += inner.leading_slices
            pairs = zip(row, aligned, strict=True)
            self._rows.append(tuple(evolve(one, submodel=model) for one, model in pairs))
            self._constants[key] = len(self._rows) - 1
        return self._constants[key]

    def _constant_row(
        self, types: Sequence[OperandType], constants: Sequence[Constant]
    ) -> tuple[Operand, ...]:
        first = constants[0]
        shapes = tuple(one.shape for one in constants)
        if len({one.key for one in constants}) == 1:
            chosen: Sequence[Constant] = [first] * len(constants)
        elif len(set(shapes)) > 1:
            chosen = self._cut(constants, shapes)
        elif _are_equal(constants):
            chosen = [first] * len(constants)
        elif first.nbytes <= IMMEDIATE_BYTES:
            # In the words: each word is a number of its own.
            chosen = constants
        else:
            self._differ("the content of a constant")
        return tuple(Operand(type_, one) for type_, one in zip(types, chosen, strict=True))

    def _cut(
        self, constants: Sequence[Constant], shapes: tuple[tuple[int, ...], ...]
    ) -> list[Constant]:
        largest = tuple(int(size) for size in np.max(np.array(shapes), axis=0))
        if largest not in shapes:
            self._differ("the content of a constant", shapes=shapes)
        held = constants[shapes.index(largest)]
        data = held.array()
        for one in constants:
            part = data[tuple(slice(size) for size in one.shape)]
            if np.ascontiguousarray(part).tobytes() != one.array().tobytes():
                self._differ("the content of a constant", shapes=shapes)
        # Stored in its own shape, which the cut is in: not as what it may be a view or a part of.
        stored = evolve(held, key=("whole", held.key, shapes), moved=None, cut=None)
        self.leading_slices.append(LeadingSlice(stored, shapes, self._origin))
        return [evolve(one, largest=stored) for one in constants]


def _are_equal(constants: Sequence[Constant]) -> bool:
    """Have they the same bytes? One is in memory besides the first."""
    first = constants[0].array().tobytes()
    return all(one.key == constants[0].key or one.array().tobytes() == first for one in constants)
