"""Which calls run in integers: among those that lie between ``dequantize`` and ``quantize``."""

from __future__ import annotations

import operator
from collections.abc import Iterator

import torch
from attrs import define, field, frozen
from torch.fx import Node

from nnapi_core.errors import Unsupported
from nnapi_core.graph.program import Program
from nnapi_core.graph.quantised.quantize_calls import is_quantize


@frozen(eq=False)
class IntegerForm:
    """For each result of a call, the ``quantize`` that takes it; None for one that is not a float, or not read."""

    rounded: tuple[Node | None, ...]


class NotInIntegers(Unsupported):
    """A call that was to run in integers cannot, in this piece; from now on it runs in floats everywhere."""


@define(eq=False)
class IntegerCalls:
    """What is decided of each call, once, for all attempts to cut a program into pieces.

    What surrounds a call depends on it: its ``dequantize`` calls are nothing but names where it reads integers, and its
    ``quantize`` is what it gives. A decision for integers may become one for floats, never the other way.
    """

    program: Program
    forms: dict[Node, IntegerForm] = field(factory=dict)
    """Calls in integers."""
    floats: dict[Node, Unsupported] = field(factory=dict)
    """Calls in floats, and why."""

    def to_floats(self, node: Node, reason: Unsupported) -> None:
        self.forms.pop(node, None)
        self.floats[node] = reason

    def settle(self, refusals: dict[Node, Unsupported]) -> None:
        """Brings decisions and refusals together: a result that is rounded on the CPU is a float before; and where a
        call reads integers, it does not matter whether the device can make floats of them."""
        for node, form in list(self.forms.items()):
            if node in refusals:
                continue
            for taker in form.rounded:
                if taker in refusals:
                    self.to_floats(node, refusals[taker])
        for member in self.together(refusals):
            refusals.pop(member, None)

    def together(self, refusals: dict[Node, Unsupported]) -> dict[Node, Node]:
        """What is lowered in one piece with which call."""
        found: dict[Node, Node] = {}
        for node, form in self.forms.items():
            if node not in refusals:
                found |= dict.fromkeys(self._read_by(node), node)
                found |= {taker: node for taker in form.rounded if taker is not None}
        for node in self.program.quants:
            if is_quantize(node) and node not in refusals:
                found |= dict.fromkeys(self._read_by(node), node)
        return found

    def reads_integers(self, dequantize: Node) -> bool:
        """Are the integers behind a ``dequantize`` call read instead of its numbers?"""
        return all(
            user in self.forms or (is_quantize(user) and user in self.program.quants)
            for user in dequantize.users
        )

    def _read_by(self, node: Node) -> Iterator[Node]:
        return (
            source
            for source in node.all_input_nodes
            if source in self.program.dequantised and len(source.users) == 1
        )


def integer_form(program: Program, node: Node) -> IntegerForm | str:
    """The form, or why there is none: a reason to be reported, empty where nothing is quantised at all."""
    quantised = False
    for source in node.all_input_nodes:
        if source in program.dequantised:
            quantised = True
        elif source not in program.constants and _is_float(source):
            return f"its input {source.name} is not quantised"
    if not quantised:
        return "its inputs are not quantised"
    value = node.meta.get("val")
    if not isinstance(value, (tuple, list)):
        found = _taker(program, node)
        return found if isinstance(found, str) else IntegerForm((found,))
    takers: list[Node | None] = [None] * len(value)
    for picked in node.users:
        if picked.target is not operator.getitem:
            return "its results are read as a list"
        if picked.users:
            found = _taker(program, picked)
            if isinstance(found, str):
                return found
            takers[picked.args[1]] = found  # type: ignore[index]
    return IntegerForm(tuple(takers))


def _taker(program: Program, tensor: Node) -> Node | str | None:
    if not _is_float(tensor):
        return None
    users = list(tensor.users)
    if len(users) == 1 and is_quantize(users[0]) and users[0] in program.quants:
        return users[0]
    return "its result is not quantised, or is read before it is"


def _is_float(node: Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, torch.Tensor) and value.is_floating_point()
