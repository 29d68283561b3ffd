"""Compares a conversion with torch, and finds the node that makes the difference."""

from __future__ import annotations

from typing import Any

import torch
import torch.utils._pytree as pytree
from attrs import evolve, frozen

from nnapi_core.diagnosis.difference import difference
from nnapi_core.diagnosis.evaluate import value_of
from nnapi_core.diagnosis.fused import first_wrong
from nnapi_core.diagnosis.trace import NodeError, Trace, trace
from nnapi_core.driver import Background, Converted, Progress
from nnapi_core.graph.program import source_of
from nnapi_core.lowering.device import Device


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

    @property
    def passed(self) -> bool:
        return all(one.relative <= self.limit for one in self.outputs)


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
    where float16 is involved. Where an output
    differs, or with ``by_node``, every node is compared too.
    """
    args = pytree.tree_map_only(torch.Tensor, torch.clone, args)
    actual = converted(*args)
    got, wanted = pytree.tree_leaves(actual), pytree.tree_leaves(expected)
    relaxed = bool(converted.parts.manifest["relaxed"])
    halves = [one for one in wanted if torch.is_tensor(one) and one.dtype is torch.float16]
    if limit is None:
        quantised = 2 / 255 if converted.background.program.quants else 1e-4
        limit = 1e-2 if halves or relaxed else quantised
    names = [str(output["name"]) for output in converted.parts.manifest["outputs"]]
    errors = [_error(name, a, b) for name, a, b in zip(names, got, wanted, strict=True)]
    result = Verification(tuple(errors), limit)
    if result.passed and not by_node:
        return result
    tensors = converted.tensors_of(args)
    found = trace(converted.background, tensors, relaxed=relaxed, progress=progress)
    result = evolve(result, nodes=found.nodes)
    if result.passed:
        return result
    return evolve(result, culprit=_culprit(converted, found, wanted, limit))


def _error(name: str, actual: Any, expected: Any) -> OutputError:
    away = difference(actual, expected)
    return OutputError(name, away.max_abs, away.relative)


def _culprit(converted: Converted, found: Trace, wanted: list[Any], limit: float) -> Culprit | None:
    program = converted.background.program
    results = [
        value_of(program, one, found.reference) if isinstance(one, torch.fx.Node) else one
        for one in program.results
    ]
    for node, value, expected in zip(program.results, results, wanted, strict=True):
        away = difference(value, expected).relative
        if away > limit and isinstance(node, torch.fx.Node):
            why = "the graph that was prepared from the model departs from it, before any lowering"
            return Culprit(node.name, str(node.target), source_of(node), away, why)
    for position, error in enumerate(found.nodes):
        if error.relative > limit:
            return _departing(error, found.nodes[:position], limit)
    return _fused(converted, found, limit)


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
