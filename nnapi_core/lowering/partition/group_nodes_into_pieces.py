"""Groups nodes into pieces of one device each, as few as the graph allows, and gives tiny ones back.

A node's depth is the largest over its inputs of (their depth, plus one where the device changes), so pieces are convex
by construction. Nodes that could as well run later then join a later piece.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType

from attrs import frozen
from torch.fx import Node

from nnapi_core.errors import Unsupported
from nnapi_core.graph.numbers import sources_of
from nnapi_core.lowering.partition.device import Device
from nnapi_core.reasons import Reason

Group = tuple[Device, list[Node]]


@frozen
class IslandRule:
    """When NNAPI pieces go back to the CPU, in a model that has CPU pieces.

    A piece costs two crossings, each a copy and a call into a driver. One with fewer than ``min_island`` nodes and no
    multiply-accumulates does not earn that. Where more than ``max_pieces`` NNAPI pieces are left, the
    ones with the fewest multiply-accumulates (then nodes) go back too.
    """

    min_island: int = 2
    max_pieces: int | None = None


DEFAULT_RULE = IslandRule()


def op_of(tensor: Node) -> Node:
    """The op call that a tensor comes from."""
    while tensor.target is operator.getitem:
        tensor = tensor.args[0]  # type: ignore[assignment]
    return tensor


def groups_of(
    nodes: list[Node],
    refusals: Mapping[Node, Unsupported],
    together: Mapping[Node, Node] = MappingProxyType({}),
) -> list[Group]:
    """Pieces in execution order. What is ``together`` with a node on NNAPI is in the same piece."""
    devices = {node: Device.CPU if node in refusals else Device.NNAPI for node in nodes}
    depths = _earliest(nodes, devices)
    _delay(nodes, devices, depths)
    for member, node in together.items():
        depths[member] = depths[node]
    groups: dict[tuple[int, str], list[Node]] = {}
    for node in nodes:
        groups.setdefault((depths[node], devices[node].value), []).append(node)
    return [(Device(device), groups[depth, device]) for depth, device in sorted(groups)]


def _earliest(nodes: list[Node], devices: Mapping[Node, Device]) -> dict[Node, int]:
    depths: dict[Node, int] = {}
    for node in nodes:
        depth = 0
        for source in map(op_of, sources_of(node)):
            if source in depths:
                depth = max(depth, depths[source] + (devices[source] is not devices[node]))
        depths[node] = depth
    return depths


def _delay(nodes: list[Node], devices: Mapping[Node, Device], depths: dict[Node, int]) -> None:
    """Moves nodes to the latest depth that their readers allow."""
    latest: dict[Node, int] = {}
    for node in reversed(nodes):
        if node in latest:
            depths[node] = max(depths[node], latest[node])
        for source in map(op_of, sources_of(node)):
            if source in depths:
                bound = depths[node] - (devices[source] is not devices[node])
                latest[source] = min(latest.get(source, bound), bound)


def too_small(
    groups: list[Group], rule: IslandRule, macs: Callable[[Node], int], *, inside: bool = False
) -> dict[Node, Unsupported]:
    """Nodes of the NNAPI pieces that the rule gives back to the CPU.

    ``inside`` of control flow that torch runs, all pieces are among CPU pieces.
    """
    islands = [nodes for device, nodes in groups if device is Device.NNAPI]
    if len(islands) == len(groups) and not inside:
        return {}
    refused: dict[Node, Unsupported] = {}
    kept = []
    for nodes in islands:
        if len(nodes) < rule.min_island and not any(map(macs, nodes)):
            reason = f"a piece of {len(nodes)} node(s) costs more than it saves"
            refused |= _given_back(nodes, reason, min_island=rule.min_island)
        else:
            kept.append((sum(map(macs, nodes)), len(nodes), nodes))
    if rule.max_pieces is not None and len(kept) > rule.max_pieces:
        kept.sort(key=lambda one: one[:2])
        # One at a time: a piece that goes back may join the two beside it.
        reason = f"the smallest of {len(kept)} NNAPI pieces"
        refused |= _given_back(kept[0][2], reason, max_pieces=rule.max_pieces)
    return refused


def _given_back(nodes: list[Node], reason: str, **limit: int) -> dict[Node, Unsupported]:
    return {node: Unsupported(reason, Reason.SMALL_ISLAND, **limit) for node in nodes}
