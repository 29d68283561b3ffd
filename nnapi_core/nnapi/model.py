"""A NNAPI model as a frozen value: operands, operations, and submodels where IF and WHILE need them."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve, field, frozen

from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.opset import OperationSpec
from nnapi_core.nnapi.types import OperandType


@frozen
class Origin:
    """The torch node that an operation came from, and where the user wrote it."""

    node: str = ""
    target: str = ""
    source: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.node, self.target, self.source) if part)


@frozen
class Operand:
    """An operand. Its value comes from a constant, a submodel, nowhere (omitted), or a run."""

    type: OperandType
    constant: Constant | None = None
    submodel: Model | None = field(default=None, repr=False)
    omitted: bool = False

    @property
    def is_variable(self) -> bool:
        """Written by an operation or given as a model input."""
        return self.constant is None and self.submodel is None and not self.omitted


@frozen
class Operation:
    """One NNAPI operation; operands by index into the model's list."""

    spec: OperationSpec
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    origin: Origin = Origin()
    level: int = 27
    """The oldest feature level that has the operation with these types and operands."""


@frozen
class Model:
    """Operations in execution order."""

    operands: tuple[Operand, ...]
    operations: tuple[Operation, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def level(self) -> int:
        """The feature level that the model as emitted needs."""
        needs = [operation.level for operation in self.operations]
        return max([27, *needs, *(submodel.level for submodel in self.submodels())])

    def submodels(self) -> Iterator[Model]:
        """Every model that this one refers to, depth first, this one not included."""
        for operand in self.operands:
            if operand.submodel is not None:
                yield operand.submodel
                yield from operand.submodel.submodels()

    def constants(self) -> Iterator[Constant]:
        for operand in self.operands:
            if operand.constant is not None:
                yield operand.constant
            elif operand.submodel is not None:
                yield from operand.submodel.constants()

    def pruned(self) -> Model:
        """Without operations whose results nobody reads, and without operands that nothing names."""
        needed = set(self.outputs)
        kept: list[Operation] = []
        for operation in reversed(self.operations):
            if needed.intersection(operation.outputs):
                kept.append(operation)
                needed.update(operation.inputs)
        kept.reverse()
        needed.update(self.inputs)
        for operation in kept:
            needed.update(operation.outputs)
        order = [index for index in range(len(self.operands)) if index in needed]
        new = {old: position for position, old in enumerate(order)}
        return Model(
            operands=tuple(self.operands[index] for index in order),
            operations=tuple(
                evolve(
                    operation,
                    inputs=tuple(new[index] for index in operation.inputs),
                    outputs=tuple(new[index] for index in operation.outputs),
                )
                for operation in kept
            ),
            inputs=tuple(new[index] for index in self.inputs),
            outputs=tuple(new[index] for index in self.outputs),
        )
