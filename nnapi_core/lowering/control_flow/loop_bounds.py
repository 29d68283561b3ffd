"""Bounds of the integers that a loop carries: ``i < n`` keeps ``i + 1`` within int32."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from attrs import evolve
from torch.fx import Node

from nnapi_core.graph.program import Branch
from nnapi_core.lowering.control_flow.submodel import Parameter
from nnapi_core.lowering.integer_bounds import ANY_INT32, Bounds

aten = torch.ops.aten

_BOTH = {aten.logical_and.default, aten.bitwise_and.Tensor, aten.__and__.Tensor}
# All elements are true where the result of one of these is.
_SAME = {
    aten.all.default,
    aten.clone.default,
    aten.reshape.default,
    aten.squeeze.default,
    aten.unsqueeze.default,
    aten.view.default,
}
_LESS = {aten.lt.Tensor, aten.lt.Scalar}
_AT_MOST = {aten.le.Tensor, aten.le.Scalar}
_GREATER = {aten.gt.Tensor, aten.gt.Scalar}
_AT_LEAST = {aten.ge.Tensor, aten.ge.Scalar}


def entering(condition: Branch, parameters: Sequence[Parameter]) -> list[Parameter]:
    """The parameters of a round, which begins only where the condition holds."""
    known = dict(zip(condition.parameters, parameters, strict=True))
    (result,) = condition.program.results
    for comparison in _conjuncts(result):
        a, b = comparison.args
        if comparison.target in _LESS | _AT_MOST:
            _at_most(known, condition, a, b, comparison.target in _LESS)
            _at_least(known, condition, b, a, comparison.target in _LESS)
        else:
            _at_least(known, condition, a, b, comparison.target in _GREATER)
            _at_most(known, condition, b, a, comparison.target in _GREATER)
    return list(known.values())


def widened(old: Bounds, new: Bounds) -> Bounds:
    """Bounds that hold both; what has begun to grow goes to the end at once, so that the search for them ends."""
    least = old.least if new.least >= old.least else ANY_INT32.least
    greatest = old.greatest if new.greatest <= old.greatest else ANY_INT32.greatest
    return Bounds(least, greatest)


def _conjuncts(node: Any) -> Iterator[Node]:
    """The comparisons that all hold where ``node`` is true."""
    if not isinstance(node, Node):
        return
    if node.target in _BOTH:
        for one in node.args:
            yield from _conjuncts(one)
    elif node.target in _SAME:
        yield from _conjuncts(node.args[0])
    elif node.target in _LESS | _AT_MOST | _GREATER | _AT_LEAST:
        yield node


def _at_most(
    known: dict[Node, Parameter], condition: Branch, node: Any, limit: Any, strictly: bool
) -> None:
    """``node <= limit``, or ``<``."""
    bounds = _bounds(known, condition, limit)
    if bounds is not None and _is_integer(known, node):
        greatest = math.ceil(bounds.greatest) - 1 if strictly else math.floor(bounds.greatest)
        old = known[node].bounds
        _narrow(known, node, Bounds(old.least, min(old.greatest, greatest)))


def _at_least(
    known: dict[Node, Parameter], condition: Branch, node: Any, limit: Any, strictly: bool
) -> None:
    """``node >= limit``, or ``>``."""
    bounds = _bounds(known, condition, limit)
    if bounds is not None and _is_integer(known, node):
        least = math.floor(bounds.least) + 1 if strictly else math.ceil(bounds.least)
        old = known[node].bounds
        _narrow(known, node, Bounds(max(old.least, least), old.greatest))


def _narrow(known: dict[Node, Parameter], node: Node, bounds: Bounds) -> None:
    if bounds.least > bounds.greatest:
        # The round never begins: what it would begin with does not matter.
        bounds = Bounds(known[node].bounds.least, known[node].bounds.least)
    known[node] = evolve(known[node], bounds=bounds)


def _is_integer(known: dict[Node, Parameter], node: Any) -> bool:
    if node not in known:
        return False
    dtype = known[node].spec.dtype
    return known[node].fixed is None and dtype in (torch.int32, torch.int64)


def _bounds(known: dict[Node, Parameter], condition: Branch, limit: Any) -> Bounds | None:
    """Of a number, a parameter or a constant of the condition."""
    if isinstance(limit, (int, float)):
        return Bounds(limit, limit) if math.isfinite(limit) else None
    if limit in known and not known[limit].spec.dtype.is_floating_point:
        return known[limit].bounds
    if limit in condition.program.constants:
        values = condition.program.constants[limit].load().double()
        if values.numel() and bool(values.isfinite().all()):
            return Bounds(float(values.min()), float(values.max()))
        return None
    value = limit.meta.get("val")
    whole = isinstance(value, torch.Tensor) and value.dtype in (torch.int32, torch.int64)
    return ANY_INT32 if whole else None
