"""Chains of transposes and reshapes become the shortest that move the elements the same way.

An image taken apart for attention, say, is transposed to torch's order, reshaped to a sequence and transposed
again, which together is one reshape. Nothing is emitted until something other than a move reads the result.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import evolve, frozen

from nnapi_core.lowering.optimise.composed_transposes import Move, as_permutation
from nnapi_core.lowering.optimise.model_rewriter import constant_array, follow
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.model import Model, Operand, Operation
from nnapi_core.nnapi.types import Dim, OperandCode, OperandType

# A free dimension is moved like one of a size that nothing else has.
_FREE = 1_000_003


def cancel_transposes(model: Model) -> Model:
    return _Merger(model).merged()


@frozen
class _Moved:
    """An operand as a move of another one."""

    source: int
    move: Move
    operation: Operation
    """The last of the chain as it was."""
    transposes: int
    """How many transposes the chain has as it was."""
    transpose: Operation | None
    reshape: Operation | None
    """Operations of the chain, as patterns for new ones: of the same types and feature level."""


@frozen
class _Change:
    """One operation to be written: a transpose, or without a permutation a reshape."""

    dims: tuple[int, ...]
    permutation: tuple[int, ...] | None = None


class _Merger:
    def __init__(self, model: Model) -> None:
        self._model = model
        self._operands = list(model.operands)
        self._operations: list[Operation] = []
        self._moved: dict[int, _Moved] = {}
        self._written: set[int] = set()
        self._instead: dict[int, int] = {}
        # What was moved already: from where, and how → the operands that hold it.
        self._held: dict[tuple[int, Move], list[int]] = {}
        self._free: dict[Dim, int] = {}
        self._outputs = set(model.outputs)
        # What cannot be an output in the place of another.
        fixed = (i for i, operand in enumerate(model.operands) if not operand.is_variable)
        self._taken = {*model.inputs, *model.outputs, *fixed}

    def merged(self) -> Model:
        for operation in self._model.operations:
            moved = self._as_move(operation)
            if moved is not None:
                self._moved[operation.outputs[0]] = moved
            else:
                inputs = tuple(self._settled(operand) for operand in operation.inputs)
                self._operations.append(evolve(operation, inputs=inputs))
        return evolve(
            self._model,
            outputs=tuple(self._settled(operand) for operand in self._model.outputs),
            operands=tuple(self._operands),
            operations=tuple(self._operations),
        )

    # ---- reading chains

    def _as_move(self, operation: Operation) -> _Moved | None:
        before, result = operation.inputs[0], operation.outputs[0]
        permutation = None
        if operation.spec.name == "TRANSPOSE":
            permutation = self._permutation(operation)
        if permutation is None and (
            operation.spec.name != "RESHAPE" or self._is_free(before) or self._is_free(result)
        ):
            return None
        chain = self._moved.get(before)
        move = None
        if chain is not None:
            move = self._after(chain.move, before, result, permutation)
        if chain is None or move is None:
            chain = _Moved(before, Move.none(self._dims(before)), operation, 0, None, None)
            move = self._after(chain.move, before, result, permutation)
        if move is None:
            return None
        if permutation is None:
            return evolve(chain, move=move, operation=operation, reshape=operation)
        count = chain.transposes + 1
        return evolve(chain, move=move, operation=operation, transposes=count, transpose=operation)

    def _after(
        self, move: Move, before: int, result: int, permutation: tuple[int, ...] | None
    ) -> Move | None:
        if permutation is None:
            return move.reshaped(self._dims(result))
        return move.transposed(self._dims(before), permutation)

    def _dims(self, operand: int) -> tuple[int, ...]:
        dims = self._operands[operand].type.dims
        free = [dim for dim in dims if not isinstance(dim, int)]
        for dim in free:
            self._free.setdefault(dim, _FREE + len(self._free))
        return tuple(dim if isinstance(dim, int) else self._free[dim] for dim in dims)

    def _is_free(self, operand: int) -> bool:
        dims: Sequence[Dim] = self._operands[operand].type.dims
        return not all(isinstance(dim, int) for dim in dims)

    def _permutation(self, operation: Operation) -> tuple[int, ...] | None:
        if len(operation.inputs) < 2:
            return tuple(reversed(range(len(self._dims(operation.inputs[0])))))
        array = constant_array(self._model, operation.inputs[1])
        return None if array is None else tuple(int(dim) for dim in array)

    # ---- writing what is needed of them

    def _settled(self, operand: int) -> int:
        """The operand to read for ``operand``; from now on it is computed."""
        if operand in self._moved and operand not in self._written:
            self._written.add(operand)
            self._write(operand, self._moved[operand])
        return follow(self._instead, operand)

    def _write(self, operand: int, moved: _Moved) -> None:
        source = self._settled(moved.source)
        wanted = self._dims(operand)
        alike = self._held.setdefault((source, moved.move.merged()), [])
        if moved.move.merged() == Move.none(self._dims(source)).merged() and not alike:
            alike.append(source)
        start = next((one for one in alike if self._dims(one) == wanted), None)
        if start is None and alike and moved.reshape is not None:
            start = alike[0]
        if start is not None:
            changes = [] if self._dims(start) == wanted else [_Change(wanted)]
        else:
            start = source
            changes = _changes(moved, self._dims(source), wanted)
            if moved.transposes > 1 and _transposes(changes) >= moved.transposes:
                # No gain: the chain as it was may share its beginning with others.
                start = self._settled(moved.operation.inputs[0])
                changes = [self._as_it_was(moved.operation)]
        if any(_like(moved, change) is None for change in changes):
            # No operation of the chain does this; the last one does its own.
            start = self._settled(moved.operation.inputs[0])
            changes = [self._as_it_was(moved.operation)]
        self._emit(operand, moved, start, changes)
        alike.append(follow(self._instead, operand))

    def _as_it_was(self, operation: Operation) -> _Change:
        dims = self._dims(operation.outputs[0])
        if operation.spec.name == "TRANSPOSE":
            return _Change(dims, self._permutation(operation))
        return _Change(dims)

    def _emit(self, operand: int, moved: _Moved, here: int, changes: list[_Change]) -> None:
        if not changes and (operand not in self._outputs or here not in self._taken):
            if operand in self._outputs:
                self._taken.add(here)
            self._instead[operand] = here
            return
        if not changes:  # an output needs an operand of its own
            dims = self._dims(operand)
            identity = None if moved.reshape is not None else tuple(range(len(dims)))
            changes = [_Change(dims, identity)]
        for change in changes:
            pattern = _like(moved, change) or moved.operation
            result = operand
            if change is not changes[-1]:
                type_ = self._operands[operand].type
                result = self._added(Operand(evolve(type_, dims=change.dims)))
            numbers = change.dims if change.permutation is None else change.permutation
            self._operations.append(
                evolve(
                    pattern,
                    inputs=(here, self._numbers(numbers)),
                    outputs=(result,),
                    origin=moved.operation.origin,
                )
            )
            here = result

    def _numbers(self, numbers: Sequence[int]) -> int:
        value = Constant.of(list(numbers), np.int32)
        return self._added(Operand(OperandType(OperandCode.TENSOR_INT32, value.shape), value))

    def _added(self, operand: Operand) -> int:
        self._operands.append(operand)
        return len(self._operands) - 1


def _changes(moved: _Moved, dims: tuple[int, ...], wanted: tuple[int, ...]) -> list[_Change]:
    """The operations of the shortest way from ``dims`` to ``wanted``."""
    changes: list[_Change] = []
    here = dims
    for step in moved.move.steps(dims, wanted):
        if step.shape != here:
            changes.append(_Change(step.shape))
        here = tuple(step.shape[dim] for dim in step.permutation)
        changes.append(_Change(here, step.permutation))
    if here == wanted:
        return changes
    if moved.reshape is None:  # only dimensions of size 1 were moved, and by transposes
        permutation = as_permutation(moved.move.merged(), dims, wanted)
        if permutation is not None:
            return [_Change(wanted, permutation)]
    return [*changes, _Change(wanted)]


def _like(moved: _Moved, change: _Change) -> Operation | None:
    """An operation of the chain that is of the kind of a change."""
    return moved.reshape if change.permutation is None else moved.transpose


def _transposes(changes: Sequence[_Change]) -> int:
    return sum(change.permutation is not None for change in changes)
