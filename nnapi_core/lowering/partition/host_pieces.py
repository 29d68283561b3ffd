"""What the target refuses and our own library takes: pieces for that library, in the place of torch's."""

from __future__ import annotations

from attrs import evolve
from torch.fx import Node

from nnapi_core.errors import Unsupported
from nnapi_core.graph.numbers import readers_of, sources_of
from nnapi_core.graph.program import Program
from nnapi_core.lowering.integer_calls import IntegerCalls, NotInIntegers
from nnapi_core.lowering.partition.choose_nnapi_or_cpu import Partition, Piece, tensors_of
from nnapi_core.lowering.partition.device import Device
from nnapi_core.lowering.partition.group_nodes_into_pieces import groups_of, op_of
from nnapi_core.lowering.partition.lower import CannotLeave, Lowerer, Target
from nnapi_core.nnapi.opset import FEATURE_LEVELS
from nnapi_core.plugins.registry import Registry

HOST = Target(max(FEATURE_LEVELS))
"""What our own library offers."""


def with_host_pieces(
    program: Program, registry: Registry, partition: Partition, scope: str = ""
) -> Partition:
    """The partition with the nodes that torch would run on our own library, where that takes them.

    They are ``hosted``, with the reason why the target does not take them; what is left to torch stays refused.
    """
    pieces: list[Piece] = []
    result = evolve(partition, refusals=dict(partition.refusals), hosted=dict(partition.hosted))
    for piece in partition.pieces:
        if piece.branches:
            (node,) = piece.nodes
            inner = tuple(
                with_host_pieces(branch.program, registry, one, f"{scope}{node.name}.{number}.")
                for number, (branch, one) in enumerate(
                    zip(program.branches[node], piece.branches, strict=True)
                )
            )
            pieces.append(evolve(piece, branches=inner))
        elif piece.device is Device.CPU:
            pieces += _hosted(program, registry, result, piece, scope)
        else:
            pieces.append(piece)
    result.pieces = pieces
    return result


def _hosted(
    program: Program, registry: Registry, result: Partition, piece: Piece, scope: str
) -> list[Piece]:
    """The pieces that a CPU piece becomes; itself, where our library takes nothing of it."""
    nodes = list(piece.nodes)
    refused: dict[Node, Unsupported] = {}
    lowerers = {-1: _lowerer(program, registry, result, scope)}
    groups = [(Device.NNAPI, nodes)]
    while True:
        count = len(refused)
        for index, lowerer in lowerers.items():
            for node in nodes if index < 0 else groups[index][1]:
                try:
                    lowerer.lower(node)
                except (Unsupported, NotInIntegers) as refusal:
                    refused[node] = refusal
        if len(refused) == count and -1 not in lowerers:
            break
        groups = groups_of(nodes, refused)
        lowerers = {
            index: _lowerer(program, registry, result, scope)
            for index, (device, _) in enumerate(groups)
            if device is Device.NNAPI
        }
    pieces = []
    for index, (_, members) in enumerate(groups):
        leaving = _leaving(piece, members)
        made = _piece(lowerers.get(index), members, leaving)
        if made is None:
            made = Piece(
                Device.CPU, tuple(members), _entering(program, piece, members), tuple(leaving)
            )
        else:
            for node in members:
                reason = result.refusals.pop(node, None)
                if reason is not None:
                    result.hosted[node] = reason
        pieces.append(made)
    return pieces


def _lowerer(program: Program, registry: Registry, partition: Partition, scope: str) -> Lowerer:
    calls = IntegerCalls(program)
    return Lowerer(program, registry, HOST, scope=scope, calls=calls, beyond=partition.beyond)


def _piece(lowerer: Lowerer | None, nodes: list[Node], leaving: list[Node]) -> Piece | None:
    """None for results that a model cannot give: constants, and other tensors by another name."""
    if lowerer is None or not leaving:
        return None
    if any(lowerer.same_as(tensor) is not None for tensor in leaving):
        return None
    try:
        lowered = lowerer.finish(leaving)
    except CannotLeave:
        return None
    entering = tuple(border.node for border in lowered.inputs)
    return Piece(Device.NNAPI, tuple(nodes), entering, tuple(leaving), lowered, on_host=True)


def _leaving(piece: Piece, nodes: list[Node]) -> list[Node]:
    """The tensors that others read, of the piece or outside of it."""
    inside, outputs = set(nodes), set(piece.outputs)
    return [
        tensor
        for node in nodes
        for tensor in tensors_of(node)
        if tensor in outputs or any(op_of(user) not in inside for user in readers_of(tensor))
    ]


def _entering(program: Program, piece: Piece, nodes: list[Node]) -> tuple[Node, ...]:
    inside = set(nodes)
    found: dict[Node, None] = {}
    for node in nodes:
        for tensor in sources_of(node):
            if tensor in program.constants or tensor.op == "get_attr":
                continue
            if op_of(tensor) not in inside:
                found[tensor] = None
    return tuple(found)
