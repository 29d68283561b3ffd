"""Which tensors of a graph share a range, and PT2E's annotations for that.

Each tensor has one range, wherever it is read. Where two must have the same one they are joined, and a group of tensors
gets one specification: at the first place of the graph that observes one of them; every other place names that one.
So no place names one that names it in turn, which PT2E follows without end.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field
from torch.fx import Node
from torchao.quantization.pt2e.quantizer import QuantizationAnnotation, SharedQuantizationSpec

KEY = "quantization_annotation"


@define(eq=False)
class _Place:
    """What is observed of one call: tensors that it reads, with the range that they take there, and its result."""

    reads: list[tuple[Node, Node]]
    weights: dict[Node, Any]
    gives: bool


@define(eq=False)
class Ranges:
    """Collects what is observed, and which ranges are one; `annotate` then writes it into the nodes."""

    default: Any
    """The specification of a group that has none of its own."""
    _places: dict[Node, _Place] = field(factory=dict)
    _joined: dict[Node, Node] = field(factory=dict)
    _fixed: dict[Node, Any] = field(factory=dict)

    def __contains__(self, node: Node) -> bool:
        return node in self._places

    def observe(
        self,
        node: Node,
        reads: list[Node],
        *,
        gives: bool = True,
        weights: dict[Node, Any] | None = None,
    ) -> None:
        """Observes what a call reads (``weights`` as specified there), and its result unless a follower gives it."""
        self._places[node] = _Place([(one, one) for one in reads], weights or {}, gives)

    def fix(self, node: Node, spec: Any) -> None:
        """The range of ``node`` is known."""
        self._fixed[self._root(node)] = spec

    def is_fixed(self, node: Node) -> bool:
        return self._root(node) in self._fixed

    def join(self, node: Node, source: Node) -> None:
        """``node`` has elements of ``source``, and its range."""
        self._unite(node, source)

    def join_read(self, node: Node, sources: list[Node]) -> None:
        """``node`` has elements of all ``sources``. One of a known range is brought into theirs where it is read."""
        if len({self._root(one) for one in sources}) == 1:
            self._unite(node, sources[0])
            return
        for one in sources:
            if not self.is_fixed(one):
                self._unite(node, one)
        place = self._places[node]
        place.reads = [(one, node if self.is_fixed(one) else of) for one, of in place.reads]

    def annotate(self, nodes: list[Node]) -> None:
        """Writes the annotations of ``nodes``, which are in the order of the graph."""
        first: dict[Any, Any] = {}
        for node in nodes:
            place = self._places.get(node)
            if place is None:
                continue
            inputs: dict[Node, Any] = {}
            for source, range_of in place.reads:
                inputs[source] = self._spec(first, self._root(range_of), (source, node))
            for weight, spec in place.weights.items():
                kind = (weight, spec.dtype, spec.qscheme, spec.ch_axis)
                inputs[weight] = _first_or_shared(first, kind, (weight, node), spec)
            output = self._spec(first, self._root(node), node) if place.gives else None
            annotation = QuantizationAnnotation(
                input_qspec_map=inputs,
                output_qspec=output,
                allow_implicit_sharing=False,
                _annotated=True,
            )
            node.meta[KEY] = annotation

    def _spec(self, first: dict[Any, Any], root: Node, place: Any) -> Any:
        return _first_or_shared(first, root, place, self._fixed.get(root, self.default))

    def _root(self, node: Node) -> Node:
        while node in self._joined:
            node = self._joined[node]
        return node

    def _unite(self, node: Node, source: Node) -> None:
        here, there = self._root(node), self._root(source)
        if here is not there:
            self._joined[here] = there
            if here in self._fixed:
                self._fixed.setdefault(there, self._fixed.pop(here))


def _first_or_shared(first: dict[Any, Any], group: Any, place: Any, spec: Any) -> Any:
    if group in first:
        return SharedQuantizationSpec(first[group])
    first[group] = place
    return spec
