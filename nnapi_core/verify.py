"""Compares a conversion with torch, and finds the node that makes the difference."""

from __future__ import annotations

from typing import Any

import torch
import torch.utils._pytree as pytree
from attrs import evolve, frozen

from nnapi_core.diagnosis.difference import difference
from nnapi_core.diagnosis.evaluate import value_of
from nnapi_core.diagnosis.fused import first_wrong
from nnapi_core.diagnosis.integer_borders import as_integers
from nnapi_core.diagnosis.trace import NodeError, Trace, trace
from nnapi_core.driver import Background, Converted, Progress
from nnapi_core.graph.program import Program, source_of
from nnapi_core.lowering.device import Device

# What a node may add where more than a step is wrong: less than another step of 255.
_OWN = 1e-3


@frozen
class OutputError:
    """How far one output is off: the largest difference, and that over the largest value."""

    name: str
    max_abs: float
    relative: float


@frozen
class Culprit:
    """The first node whose value departs from torch's, and what is known of why."""

    name: str
    target: str
    source: str
    relative: float
    why: str

    def __str__(self) -> str:
        where = f" at {self.source}" if self.source else ""
        return f"{self.name} ({self.target}){where}: relative error {self.relative:.3g}; {self.why}"


@frozen
class Verification:
    """``limit`` is on the relative error of each output."""

    outputs: tuple[OutputError, ...]
    limit: float
    nodes: tuple[NodeError, ...] = ()
    """Every node beside torch, in the order of execution, where that was asked for or an output differs."""
    culprit: Culprit | None = None
    """Where an output differs: the node that is to blame."""

    only_steps: bool = False
    """Of a quantised model, where the nodes were compared: does each depart by a step at most?"""

    @property
    def passed(self) -> bool:
        return self.only_steps or all(one.relative <= self.limit for one in self.outputs)


def verify(
    converted: Converted,
    args: tuple[Any, ...],
    expected: Any,
    *,
    limit: float | None = None,
    by_node: bool = False,
    progress: Progress = lambda done, total: None,
) -> Verification:
    """Runs ``converted`` on ``args`` here and compares it with what torch gave.

    Without ``limit``: 1e-4 of the largest value in float32, two steps of 255 in a quantised model, 1e-2
    where float16 is involved. Where an output differs, or with ``by_node``, every node is compared too (where sizes
    are free: for arguments of the example's).
    A quantised model agrees as well where each node is within a step of what torch makes of the same integers:
    through many layers single steps grow, in torch as here. Floats at integer borders are rounded first.
    """
    program = converted.background.program
    args = _with_integers(program, args)
    # The model may write into its arguments.
    actual = converted(*pytree.tree_map_only(torch.Tensor, torch.clone, args))
    got, wanted = pytree.tree_leaves(actual), pytree.tree_leaves(expected)
    results = _returned(program)
    if len(results) == len(wanted):
        wanted = as_integers(program, results, wanted)
    relaxed = bool(converted.parts.manifest["relaxed"])
    halves = [one for one in wanted if torch.is_tensor(one) and one.dtype is torch.float16]
    if limit is None:
        quantised = 2 / 255 if program.quants else 1e-4
        limit = 1e-2 if halves or relaxed else quantised
    outputs = converted.parts.manifest["outputs"]
    names = [str(output["name"]) for output in outputs if "into" not in output]
    errors = [_error(name, a, b) for name, a, b in zip(names, got, wanted, strict=True)]
    result = Verification(tuple(errors), limit)
    if result.passed and not by_node:
        return result
    tensors = converted.tensors_of(args)
    if [tuple(one.shape) for one in tensors] != _example_shapes(converted):
        return result
    found = trace(converted.background, tensors, relaxed=relaxed, progress=progress)
    only_steps = bool(program.quants) and all(one.own <= _OWN for one in found.nodes)
    if only_steps:
        made = _results(program, found)
        only_steps = all(
            difference(*pair).relative <= limit for pair in zip(made, wanted, strict=True)
        )
    result = evolve(result, nodes=found.nodes, only_steps=only_steps)
    if result.passed:
        return result
    return evolve(result, culprit=_culprit(converted, found, wanted, limit))


def _with_integers(program: Program, args: tuple[Any, ...]) -> tuple[Any, ...]:
    flat, spec = pytree.tree_flatten(args)
    places = [place for place, one in enumerate(flat) if isinstance(one, torch.Tensor)]
    if len(places) != len(program.inputs):
        return args
    tensors = as_integers(program, program.inputs, [flat[place] for place in places])
    for place, tensor in zip(places, tensors, strict=True):
        flat[place] = tensor
    changed: tuple[Any, ...] = pytree.tree_unflatten(flat, spec)
    return changed


def _example_shapes(converted: Converted) -> list[tuple[int, ...]]:
    return [tuple(node.meta["val"].shape) for node in converted.background.program.inputs]


def _error(name: str, actual: Any, expected: Any) -> OutputError:
    away = difference(actual, expected)
    return OutputError(name, away.max_abs, away.relative)


def _culprit(converted: Converted, found: Trace, wanted: list[Any], limit: float) -> Culprit | None:
    program = converted.background.program
    results = _results(program, found)
    for node, value, expected in zip(_returned(program), results, wanted, strict=True):
        away = difference(value, expected).relative
        if away > limit and isinstance(node, torch.fx.Node):
            why = "the graph that was prepared from the model departs from it, before any lowering"
            return Culprit(node.name, str(node.target), source_of(node), away, why)
    for position, error in enumerate(found.nodes):
        if error.relative > limit:
            return _departing(error, found.nodes[:position], limit)
    return _fused(converted, found, limit)


def _returned(program: Program) -> list[Any]:
    """The results without those that are written into arguments, and without None, as pytrees have them."""
    count = len(program.results) - len(program.written)
    return [one for one in program.results[:count] if one is not None]


def _results(program: Program, found: Trace) -> list[Any]:
    """Of the prepared graph in torch."""
    return [
        value_of(program, one, found.reference) if isinstance(one, torch.fx.Node) else one
        for one in _returned(program)
    ]


def _departing(error: NodeError, before: tuple[NodeError, ...], limit: float) -> Culprit:
    largest = max((*before, error), key=lambda one: one.own)
    if error.own > limit / 2 or largest is error:
        why = f"torch makes something else of the same values (relative {error.own:.3g})"
    else:
        why = (
            f"it grew from smaller errors, the largest in {largest.name} ({largest.target})"
            f"{' at ' + largest.source if largest.source else ''} (relative {largest.own:.3g})"
        )
    return Culprit(error.name, error.target, error.source, error.relative, why)


def _fused(converted: Converted, found: Trace, limit: float) -> Culprit | None:
    """Each node is right by itself: one of the pieces is wrong as it was optimised."""
    background: Background = converted.background
    relaxed = bool(converted.parts.manifest["relaxed"])
    for stage in background.partition.stages:
        if stage.device is not Device.NNAPI:
            continue
        for result in stage.outputs:
            wrong = first_wrong(
                background, stage, result, found.reference, limit=limit, relaxed=relaxed
            )
            if wrong is not None:
                node, relative = wrong
                why = "right by itself, wrong once it is optimised with the nodes before it"
                return Culprit(node.name, str(node.target), source_of(node), relative, why)
    return None
