"""Chooses the order of dimensions in which whole regions are computed, so that the fewest transposes remain.

A region is what is connected by operations that work on any permutation of their dimensions (`permutable`).
Whether each of them computes as it is or permuted is a minimum cut: transposes are paid where the choice changes and
at the region's borders, where some of what is there already becomes unnecessary.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
from attrs import define, evolve, field, frozen

from nnapi_core.lowering.optimise.cancel_transposes import cancel_transposes
from nnapi_core.lowering.optimise.composed_transposes import Move, as_permutation
from nnapi_core.lowering.optimise.model_rewriter import constant_array, producers
from nnapi_core.lowering.optimise.permutable_operations import (
    Permutable,
    permutable,
    permuted_operand,
    permuted_parameter,
)
from nnapi_core.lowering.split_transposes import transposes
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.layout import invert
from nnapi_core.nnapi.model import Model, Operand, Operation
from nnapi_core.nnapi.types import OperandCode, OperandType

_MOST_ROUNDS = 4
_MOST_CANDIDATES = 2
# Cuts of larger regions take more than a second or two: these stay as they are.
_MOST_OPERATIONS = 1000
# One transpose fewer counts for more than any number of elements that the others move.
_TRANSPOSE = 1 << 32

Permutation = tuple[int, ...]


def choose_layouts(model: Model) -> Model:
    """The model with the same results and as few transposes as cuts find; with none, the model itself."""
    for _ in range(_MOST_ROUNDS):
        count = transpose_count(model)
        if not count:
            break
        changed = _improved(model)
        if changed is None:
            break
        changed = cancel_transposes(changed).pruned()
        if transpose_count(changed) >= count:
            break
        model = changed
    return model


def transpose_count(model: Model) -> int:
    return sum(operation.spec.name == "TRANSPOSE" for operation in model.operations)


@frozen
class _Border:
    """A tensor where a region meets the rest: as a move from or to what lies outside."""

    tensor: int
    move: Move
    outside: int


@define
class _Region:
    """Operations by their index in the model."""

    operations: list[int] = field(factory=list)
    entering: list[_Border] = field(factory=list)
    leaving: list[_Border] = field(factory=list)


def _improved(model: Model) -> Model | None:
    """One round: every region permuted where that saves transposes; None where it does nowhere."""
    graph = _Graph(model)
    flipped: dict[int, Permutation] = {}
    for region in graph.regions():
        if len(region.operations) > _MOST_OPERATIONS:
            continue
        best = 0
        chosen: tuple[set[int], Permutation] | None = None
        for permutation in graph.candidates(region):
            gain, members = graph.cut(region, permutation)
            if gain > best:
                best, chosen = gain, (members, permutation)
        if chosen is not None:
            flipped.update(dict.fromkeys(*chosen))
    return _rewritten(model, graph.members, flipped) if flipped else None


class _Graph:
    def __init__(self, model: Model) -> None:
        self.model = model
        self.written_by = producers(model)
        self.readers: dict[int, list[int]] = defaultdict(list)
        for index, operation in enumerate(model.operations):
            for operand in dict.fromkeys(operation.inputs):
                self.readers[operand].append(index)
        transposed = {
            model.operands[operation.outputs[0]].type.code
            for operation in model.operations
            if operation.spec.name == "TRANSPOSE"
        }
        self.members: dict[int, Permutable] = {}
        for index, operation in enumerate(model.operations):
            one = permutable(model, operation)
            if one and model.operands[operation.outputs[0]].type.code in transposed:
                self.members[index] = one

    # ---- regions and their borders

    def regions(self) -> list[_Region]:
        region_of: dict[int, _Region] = {}
        found: list[_Region] = []
        for start in self.members:
            if start in region_of:
                continue
            region = _Region()
            found.append(region)
            pending = [start]
            region_of[start] = region
            while pending:
                index = pending.pop()
                region.operations.append(index)
                for other in self._neighbours(index):
                    if other not in region_of:
                        region_of[other] = region
                        pending.append(other)
        for region in found:
            self._add_borders(region, region_of)
        return found

    def _tensors(self, index: int) -> list[int]:
        member = self.members[index]
        return [member.operation.inputs[position] for position in member.tensors]

    def _neighbours(self, index: int) -> Iterable[int]:
        before = (self.written_by.get(tensor) for tensor in self._tensors(index))
        after = (one for out in self.members[index].operation.outputs for one in self.readers[out])
        return [other for other in (*before, *after) if other is not None and other in self.members]

    def _add_borders(self, region: _Region, region_of: dict[int, _Region]) -> None:
        entering: dict[int, None] = {}
        for index in region.operations:
            for tensor in self._tensors(index):
                if region_of.get(self.written_by.get(tensor, -1)) is not region:
                    entering[tensor] = None
            for out in self.members[index].operation.outputs:
                region.leaving += self._leaving(out, region, region_of)
        region.entering = [self._entering(tensor) for tensor in entering]

    def _entering(self, tensor: int) -> _Border:
        chain: list[Operation] = []
        source = tensor
        while (move := self._move_to(source)) is not None:
            chain.append(move)
            source = move.inputs[0]
        total = Move.none(self.dims(source))
        for move in reversed(chain):
            following = self._then(total, move)
            if following is None:
                # No move says both: the border lies between them.
                source = move.inputs[0]
                following = self._then(Move.none(self.dims(source)), move)
            if following is None:
                source = move.outputs[0]
                following = Move.none(self.dims(source))
            total = following
        return _Border(tensor, total, source)

    def _leaving(
        self, tensor: int, region: _Region, region_of: dict[int, _Region]
    ) -> Iterable[_Border]:
        pending = [(tensor, Move.none(self.dims(tensor)))]
        while pending:
            here, move = pending.pop()
            is_read = here in self.model.outputs
            for reader in self.readers[here]:
                operation = self.model.operations[reader]
                result = operation.outputs[0]
                following = None
                if self._move_to(result) is not None:
                    following = self._then(move, operation)
                if following is not None:
                    pending.append((result, following))
                elif here != tensor or region_of.get(reader) is not region:
                    is_read = True
            if is_read:
                yield _Border(tensor, move, here)

    def _move_to(self, operand: int) -> Operation | None:
        """The reshape or transpose that writes an operand."""
        index = self.written_by.get(operand)
        if index is None or self.model.operations[index].spec.name not in ("RESHAPE", "TRANSPOSE"):
            return None
        operation = self.model.operations[index]
        both = (operation.inputs[0], operand)
        types = [self.model.operands[one].type for one in both]
        if not all(isinstance(dim, int) for type_ in types for dim in type_.dims):
            return None
        fixed = operation.spec.name == "RESHAPE" or self._permutation(operation) is not None
        return operation if fixed else None

    def _permutation(self, operation: Operation) -> Permutation | None:
        array = constant_array(self.model, operation.inputs[1]) if operation.inputs[1:] else None
        return None if array is None else tuple(int(dim) for dim in array)

    def _then(self, move: Move, operation: Operation) -> Move | None:
        if operation.spec.name == "RESHAPE":
            return move.reshaped(self.dims(operation.outputs[0]))
        permutation = self._permutation(operation)
        if permutation is None:
            return None
        return move.transposed(self.dims(operation.inputs[0]), permutation)

    def dims(self, operand: int) -> tuple[int, ...]:
        dims = self.model.operands[operand].type.dims
        return tuple(dim if isinstance(dim, int) else 0 for dim in dims)

    # ---- what to choose from, and the choice

    def candidates(self, region: _Region) -> list[Permutation]:
        """The permutations that make most of the transposes at the borders unnecessary."""
        votes: Counter[Permutation] = Counter()
        for border in region.entering:
            there, here = self.dims(border.outside), self.dims(border.tensor)
            back = border.move.inverse().merged()
            if transposes(back.sizes, back.permutation):
                _vote(votes, as_permutation(back, here, there))
        for border in region.leaving:
            move = border.move.merged()
            if transposes(move.sizes, move.permutation):
                _vote(
                    votes, as_permutation(move, self.dims(border.tensor), self.dims(border.outside))
                )
        return [permutation for permutation, _ in votes.most_common(_MOST_CANDIDATES)]

    def cut(self, region: _Region, permutation: Permutation) -> tuple[int, set[int]]:
        """What permuting a part of the region saves, and the part. The other part stays as it is."""
        import networkx

        graph: Any = networkx.DiGraph()
        graph.add_node("as it is")
        graph.add_node("permuted")
        now = 0
        rank = len(permutation)
        inside = {index for index in region.operations if self.members[index].rank == rank}
        for border in region.entering:
            readers = [one for one in self.readers[border.tensor] if one in inside]
            if not readers:
                continue
            moved = border.move.transposed(self.dims(border.tensor), permutation)
            needed = self._is_needed_anyway(border.tensor, inside)
            cost = 0 if needed else self._cost(border.move, border.tensor)
            now += cost
            self._if_any(graph, readers, border.tensor, cost, self._cost(moved, border.tensor))
        for border in region.leaving:
            writer = self.written_by[border.tensor]
            if writer not in inside:
                continue
            dims = tuple(self.dims(border.tensor)[dim] for dim in permutation)
            back = Move.none(dims).transposed(dims, invert(permutation))
            moved = back and back.transposed(border.move.sizes, border.move.permutation)
            cost = self._cost(border.move, border.tensor)
            now += cost
            _add(graph, writer, "permuted", cost)
            _add(graph, "as it is", writer, self._cost(moved, border.tensor))
        self._add_changes(graph, inside, permutation)
        value, (_, permuted) = networkx.minimum_cut(graph, "as it is", "permuted")
        return now - value, {one for one in permuted if isinstance(one, int)}

    def _if_any(self, graph: Any, readers: list[int], tensor: int, plain: int, moved: int) -> None:
        """``plain`` is paid once if any reader takes the tensor as it is, ``moved`` if any takes it permuted."""
        for reader in readers:
            graph.add_edge(reader, ("plain", tensor))
            graph.add_edge(("moved", tensor), reader)
        _add(graph, ("plain", tensor), "permuted", plain)
        _add(graph, "as it is", ("moved", tensor), moved)

    def _is_needed_anyway(self, tensor: int, inside: set[int]) -> bool:
        """Does anything else read it as it is?"""
        others = [self.model.operations[one] for one in self.readers[tensor] if one not in inside]
        return tensor in self.model.outputs or any(
            self._move_to(operation.outputs[0]) is None for operation in others
        )

    def _add_changes(self, graph: Any, inside: set[int], permutation: Permutation) -> None:
        """Inside, a tensor is transposed once if any reader computes otherwise than its writer."""
        for writer in inside:
            for tensor in self.members[writer].operation.outputs:
                readers = [one for one in self.readers[tensor] if one in inside]
                if not readers:
                    continue
                dims = self.dims(tensor)
                cost = self._cost(Move.none(dims).transposed(dims, permutation), tensor)
                for reader in readers:
                    graph.add_edge(reader, ("back", tensor))
                    graph.add_edge(("there", tensor), reader)
                _add(graph, ("back", tensor), writer, cost)
                _add(graph, writer, ("there", tensor), cost)

    def _cost(self, move: Move | None, tensor: int) -> int:
        steps = 1 if move is None else len(transposes(move.sizes, move.permutation))
        return steps * (_TRANSPOSE + int(np.prod(self.dims(tensor))))


def _vote(votes: Counter[Permutation], permutation: Permutation | None) -> None:
    if permutation is not None:
        votes[permutation] += 1


def _add(graph: Any, source: Any, target: Any, capacity: int) -> None:
    if graph.has_edge(source, target):
        graph[source][target]["capacity"] += capacity
    else:
        graph.add_edge(source, target, capacity=capacity)


# ---- writing it down


def _rewritten(
    model: Model, members: dict[int, Permutable], flipped: dict[int, Permutation]
) -> Model:
    operands = list(model.operands)
    operations: list[Operation] = []
    patterns = {
        operands[operation.outputs[0]].type.code: operation
        for operation in model.operations
        if operation.spec.name == "TRANSPOSE"
    }
    permuted: dict[tuple[int, Permutation], int] = {}

    def added(operand: Operand) -> int:
        operands.append(operand)
        return len(operands) - 1

    def transpose(source: int, target: int, permutation: Permutation, like: Operation) -> None:
        numbers = Constant.of(list(permutation), np.int32)
        argument = added(Operand(OperandType(OperandCode.TENSOR_INT32, numbers.shape), numbers))
        operations.append(
            evolve(
                patterns[operands[source].type.code],
                inputs=(source, argument),
                outputs=(target,),
                origin=like.origin,
            )
        )

    def moved(tensor: int, permutation: Permutation, like: Operation) -> int:
        key = (tensor, permutation)
        if key not in permuted:
            permuted[key] = added(permuted_operand(operands[tensor], permutation))
            transpose(tensor, permuted[key], permutation, like)
        return permuted[key]

    for index, operation in enumerate(model.operations):
        permutation = flipped.get(index)
        if permutation is None:
            operations.append(operation)
            continue
        member = members[index]
        inputs = list(operation.inputs)
        for position in member.tensors:
            inputs[position] = moved(inputs[position], permutation, operation)
        for position in member.constants:
            inputs[position] = added(permuted_operand(operands[inputs[position]], permutation))
        for position, change in member.parameters:
            old = operands[inputs[position]]
            inputs[position] = added(permuted_parameter(old, change, permutation))
        outputs = [added(permuted_operand(operands[out], permutation)) for out in operation.outputs]
        operations.append(evolve(operation, inputs=tuple(inputs), outputs=tuple(outputs)))
        for new, out in zip(outputs, operation.outputs, strict=True):
            permuted[out, permutation] = new
            transpose(new, out, invert(permutation), operation)
    return evolve(model, operands=tuple(operands), operations=tuple(operations)).pruned()
