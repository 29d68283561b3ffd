"""Which node runs where: the lowering itself, run dry, is the support check."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial

from attrs import define, evolve, field, frozen
from torch.fx import Node

from nnapi_core.errors import Unsupported
from nnapi_core.graph.control_flow.branches import WHILE_LOOP
from nnapi_core.graph.macs import macs_of
from nnapi_core.graph.numbers import readers_of, sources_of
from nnapi_core.graph.program import Program, TorchConstant
from nnapi_core.lowering.beyond_int32 import BeyondInt32
from nnapi_core.lowering.integer_calls import IntegerCalls, NotInIntegers
from nnapi_core.lowering.partition.device import Device
from nnapi_core.lowering.partition.group_nodes_into_pieces import (
    DEFAULT_RULE,
    Group,
    IslandRule,
    groups_of,
    op_of,
    too_small,
)
from nnapi_core.lowering.partition.lower import CannotLeave, LoweredModel, Lowerer, Target
from nnapi_core.nnapi.model import Model
from nnapi_core.plugins.registry import Registry
from nnapi_core.reasons import Reason

_DECIDES = Unsupported("decides whether a loop that torch runs goes on", Reason.SMALL_ISLAND)


@frozen(eq=False)
class Piece:
    """One piece: nodes that run together, the tensors that go in and those that come out."""

    device: Device
    nodes: tuple[Node, ...]
    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    lowered: LoweredModel | None = None
    on_host: bool = field(default=False, kw_only=True)
    """Is it for our own library, since the target does not take it?"""
    branches: tuple[Partition, ...] = ()
    """Of control flow that torch runs, with NNAPI pieces in its branches: how these are partitioned."""

    def rewritten(self, rewrite: Callable[[Model], Model]) -> Piece:
        """With what ``rewrite`` makes of its model, and of those in its branches."""
        same = evolve(self, branches=tuple(one.rewritten(rewrite) for one in self.branches))
        return same if self.lowered is None else same.with_model(rewrite(self.lowered.model))

    def with_model(self, model: Model) -> Piece:
        """With this model, which takes and gives what its own does."""
        return evolve(
            self, lowered=None if self.lowered is None else evolve(self.lowered, model=model)
        )


@define(eq=False)
class Partition:
    """Pieces in execution order; why a node is on the CPU; and tensors that are only another's alias."""

    pieces: list[Piece]
    refusals: dict[Node, Unsupported]
    aliases: dict[Node, Node] = field(factory=dict)
    hosted: dict[Node, Unsupported] = field(factory=dict)
    """Why a node runs on our own library, rather than on the target."""
    floats: dict[Node, Unsupported] = field(factory=dict)
    """Why a node of a quantised program runs in floats, though on NNAPI."""
    failed_overrides: dict[Node, Unsupported] = field(factory=dict)
    """Nodes that another lowering than the first was asked for, since that failed."""
    calls: IntegerCalls | None = None
    """What was decided of the calls of a quantised program."""
    beyond: BeyondInt32 | None = None
    """The integers that do not enter pieces, whichever library runs them."""
    special_values: dict[Node, dict[str, None]] = field(factory=dict)
    """What is said of a node's NaN and infinities, by what lowered it."""

    def rewritten(self, rewrite: Callable[[Model], Model]) -> Partition:
        """The same pieces with other models."""
        return evolve(self, pieces=[piece.rewritten(rewrite) for piece in self.pieces])

    def resolve(self, node: Node) -> Node:
        """The tensor that ``node`` is: itself, or what it passes on unchanged."""
        while node in self.aliases:
            node = self.aliases[node]
        return node


def partition(
    program: Program,
    registry: Registry,
    target: Target,
    rule: IslandRule = DEFAULT_RULE,
    *,
    given_back: Mapping[str, Unsupported] | None = None,
    open_branches: bool = True,
    scope: str = "",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Partition:
    """Lowers every node it can, and groups the rest into CPU pieces.

    Nodes named in ``given_back`` stay on the CPU, for the reason there. With ``open_branches``, control flow that stays
    there has pieces of its own; ``scope`` is put before the names of what is inside.
    """
    nodes = program.operations()
    calls = IntegerCalls(program)
    beyond = BeyondInt32(program)
    new_lowerer = partial(
        Lowerer, program, registry, target, scope=scope, calls=calls, beyond=beyond
    )
    dry = new_lowerer()
    refusals: dict[Node, Unsupported] = {}
    for count, node in enumerate(nodes):
        progress(count, len(nodes))
        if given_back and node.name in given_back:
            refusals[node] = given_back[node.name]
            beyond.note(node, refusals[node])
            continue
        try:
            dry.lower(node)
        except Unsupported as refusal:
            refusals[node] = refusal
            beyond.note(node, refusal)
    progress(len(nodes), len(nodes))
    lowerers = {0: dry}
    groups: list[Group] = [(Device.NNAPI, nodes)]
    work = _work(program)
    refused = refusals

    @cache
    def opened(node: Node) -> tuple[Partition, ...]:
        """The parts of control flow, where one of them has a piece for NNAPI."""
        if not open_branches:
            return ()
        parts = []
        for number, branch in enumerate(program.branches.get(node, ())):
            inner = f"{scope}{node.name}.{number}."
            # What decides whether a loop goes on is small.
            kept = {one.name: _DECIDES for one in branch.program.operations()}
            is_condition = node.target is WHILE_LOOP and number == 0
            parts.append(
                partition(
                    branch.program, registry, target, rule,
                    given_back=kept if is_condition else None, scope=inner,
                )
            )  # fmt: skip
        has_pieces = any(
            piece.lowered is not None or piece.branches for one in parts for piece in one.pieces
        )
        return tuple(parts) if has_pieces else ()

    # Inside of control flow, a piece for all of the graph may be too small as well.
    is_judged = not scope
    while True:
        if not refused and is_judged:
            groups, lowerers = _apart(groups, lowerers, opened)
            try:
                done = _finished(program, groups, refusals, lowerers, opened, calls, beyond)
                if done is not None:
                    return done
            except CannotLeave as stuck:
                refusals[op_of(stuck.node)] = stuck.refusal
        is_judged = True
        calls.settle(refusals)
        groups = groups_of(nodes, refusals, calls.together(refusals))
        refused = too_small(groups, rule, work, inside=bool(scope))
        if not refused:
            lowerers = {}
            # In its own piece a node may meet operands in another order than in the dry run.
            try:
                refused = _lower_groups(groups, lowerers, new_lowerer)
            except NotInIntegers:
                is_judged = False
        refusals.update(refused)


def _work(program: Program) -> Callable[[Node], int]:
    """Multiply-accumulates of a node. Control flow has those of its branches, and one for each of their nodes."""

    @cache
    def work(node: Node) -> int:
        inner = [
            (branch.program, one)
            for branch in program.branches.get(node, ())
            for one in branch.program.operations()
        ]
        return macs_of(program, node) + sum(macs_of(*one) for one in inner) + len(inner)

    return work


def _lower_groups(
    groups: list[Group], lowerers: dict[int, Lowerer], new_lowerer: Callable[[], Lowerer]
) -> dict[Node, Unsupported]:
    """Raises `NotInIntegers` where a decision has changed, so that the groups may be others."""
    refused: dict[Node, Unsupported] = {}
    for index, (device, nodes) in enumerate(groups):
        if device is not Device.NNAPI:
            continue
        lowerers[index] = new_lowerer()
        for node in nodes:
            try:
                lowerers[index].lower(node)
            except NotInIntegers:
                raise
            except Unsupported as refusal:
                refused[node] = refusal
    return refused


def _apart(
    groups: list[Group],
    lowerers: Mapping[int, Lowerer],
    opened: Callable[[Node], tuple[Partition, ...]],
) -> tuple[list[Group], dict[int, Lowerer]]:
    """Control flow with pieces inside is a group of its own, between what comes before and after it."""
    found: list[Group] = []
    moved: dict[int, Lowerer] = {}
    for index, (device, nodes) in enumerate(groups):
        if device is Device.NNAPI:
            if index in lowerers:
                moved[len(found)] = lowerers[index]
            found.append((device, nodes))
            continue
        together: list[Node] = []
        for node in nodes:
            if not opened(node):
                together.append(node)
                continue
            found += [(device, one) for one in (together, [node]) if one]
            together = []
        if together:
            found.append((device, together))
    return found, moved


def _finished(
    program: Program,
    groups: list[Group],
    refusals: dict[Node, Unsupported],
    lowerers: Mapping[int, Lowerer],
    opened: Callable[[Node], tuple[Partition, ...]],
    calls: IntegerCalls,
    beyond: BeyondInt32,
) -> Partition | None:
    """None where results turned out to be constants, which other pieces have taken as inputs: they are folded now.

    Raises `CannotLeave` for a result that a piece cannot give.
    """
    result = Partition([], refusals, calls=calls, beyond=beyond)
    constants: dict[Node, TorchConstant] = {}
    group_of = {node: index for index, (_, nodes) in enumerate(groups) for node in nodes}
    wanted = {node for node in program.results if isinstance(node, Node)}
    for index, (device, nodes) in enumerate(groups):
        leaving = [
            tensor
            for node in nodes
            for tensor in tensors_of(node)
            if tensor in wanted or any(group_of.get(user) != index for user in readers_of(tensor))
        ]
        if device is Device.CPU:
            inputs = _inputs(nodes, program, group_of, index)
            branches = opened(nodes[0]) if len(nodes) == 1 else ()
            piece = Piece(device, tuple(nodes), inputs, tuple(leaving), branches=branches)
            result.pieces.append(piece)
            for one in branches:
                result.failed_overrides |= one.failed_overrides
            continue
        result.floats |= lowerers[index].floats
        result.special_values |= lowerers[index].special_values
        result.failed_overrides |= lowerers[index].failed_overrides
        computed = []
        for tensor in leaving:
            same = lowerers[index].same_as(tensor)
            if same is None:
                computed.append(tensor)
            elif same is not tensor:
                result.aliases[tensor] = same
            elif tensor not in program.constants:
                constants[tensor] = lowerers[index].constant_of(tensor)
        if computed:
            lowered = lowerers[index].finish(computed)
            entering = tuple(border.node for border in lowered.inputs)
            result.pieces.append(Piece(device, tuple(nodes), entering, tuple(computed), lowered))
    program.constants.update(constants)
    return None if constants and len(groups) > 1 else result


def tensors_of(node: Node) -> Iterable[Node]:
    """The tensors that an op call makes: itself, or the ``getitem`` nodes that pick its results."""
    if isinstance(node.meta.get("val"), (tuple, list)):
        for user in node.users:
            if user.target is operator.getitem:
                yield from tensors_of(user)
    else:
        yield node


def _inputs(
    nodes: list[Node], program: Program, group_of: dict[Node, int], index: int
) -> tuple[Node, ...]:
    found: dict[Node, None] = {}
    for node in nodes:
        for tensor in sources_of(node):
            if tensor in program.constants or tensor.op == "get_attr":
                continue
            if group_of.get(op_of(tensor)) != index:
                found[tensor] = None
    return tuple(found)
