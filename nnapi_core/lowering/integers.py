"""Which calls can run in integers: those that lie between ``dequantize`` and ``quantize``."""

from __future__ import annotations

import operator

import torch
from attrs import frozen
from torch.fx import Node

from nnapi_core.graph.program import Program
from nnapi_core.graph.quantized import is_quantize


@frozen(eq=False)
class IntegerForm:
    """For each result of a call, the ``quantize`` that takes it; None for one that is not a float, or not read."""

    rounded: tuple[Node | None, ...]


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
