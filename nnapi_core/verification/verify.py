"""Compares a conversion with torch, and finds the node that makes the difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.utils._pytree as pytree
from attrs import evolve, frozen

from nnapi_core.conversion.converted import Background, Converted
from nnapi_core.conversion.list_of_steps import Progress
from nnapi_core.graph.program import Program, source_of
from nnapi_core.lowering.partition.device import Device
from nnapi_core.verification.bisect_fusion import first_wrong
from nnapi_core.verification.compare_nodes import NodeError, Trace, trace
from nnapi_core.verification.difference import difference
from nnapi_core.verification.round_to_integers import as_integers
from nnapi_core.verification.run_in_torch import Values, value_of

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

    from_float: str = ""
    """Of a quantised model: how far torch's result is from the float module's, or that it is not known."""

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
    kwargs: Mapping[str, Any] | None = None,
    steps: Sequence[Any] = (),
    limit: float | None = None,
    by_node: bool = False,
    progress: Progress = lambda done, total: None,
) -> Verification:
    """Runs ``converted`` on ``args`` and ``kwargs`` here and compares it with what torch gave.

    ``steps`` are what torch gave in the calls after that one, with the same arguments: of a model that keeps state.
    Each output is as far off as in its worst call. The state of ``converted`` stays as it is.

    Without ``limit``: 1e-4 of the largest value in float32, two steps of 255 in a quantised model, 1e-2
    where float16 is involved. Where an output differs, or with ``by_node``, every node is compared too (where sizes
    are free: for arguments of the example's).
    A quantised model agrees as well where each node is within a step of what torch makes of the same integers:
    through many layers single steps grow, in torch as here. Floats at integer borders are rounded first.
    """
    program = converted.background.program
    tensors = as_integers(program, program.user_inputs, converted.tensors_of(args, kwargs))
    every_wanted = [_wanted(program, one) for one in (expected, *steps)]
    relaxed = bool(converted.contents.manifest["relaxed"])
    if limit is None:
        limit = default_limit(bool(program.quants), relaxed, every_wanted[0])
    calls = _errors_of_calls(converted, tensors, every_wanted)
    worst = [max(column, key=lambda one: one.relative) for column in zip(*calls, strict=True)]
    result = Verification(tuple(worst), limit, from_float=_from_float(program))
    if result.passed and not by_node:
        return result
    if [tuple(one.shape) for one in tensors] != _example_shapes(converted):
        return result
    departs = (i for i, call in enumerate(calls) if any(one.relative > limit for one in call))
    number = next(departs, 0)
    wanted = every_wanted[number]
    given = [*tensors, *_states_before(program, tensors, number)]
    found = trace(converted.background, given, relaxed=relaxed, progress=progress)
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


def default_limit(quantised: bool, relaxed: bool, expected: Sequence[Any]) -> float:
    """On the relative error of a result, by what a model computes in."""
    halves = any(torch.is_tensor(one) and one.dtype is torch.float16 for one in expected)
    if halves or relaxed:
        return 1e-2
    return 2 / 255 if quantised else 1e-4


def _wanted(program: Program, expected: Any) -> list[Any]:
    """What torch gave, in integers where the conversion gives them."""
    wanted, results = pytree.tree_leaves(expected), _returned(program)
    return as_integers(program, results, wanted) if len(results) == len(wanted) else wanted


def _errors_of_calls(
    converted: Converted, tensors: Sequence[torch.Tensor], every_wanted: Sequence[list[Any]]
) -> list[list[OutputError]]:
    """Call after call from the beginning, with the same arguments: how far each output is off."""
    run = converted.run_tensors
    if converted.background.program.states:
        session = converted.session().fork()
        session.reset()
        run = session.run_tensors
    outputs = converted.contents.manifest["outputs"]
    names = [str(output["name"]) for output in outputs if "into" not in output]
    calls = []
    for wanted in every_wanted:
        # The model may write into its arguments.
        got = pytree.tree_leaves(run([one.clone() for one in tensors]))
        calls.append([_error(name, a, b) for name, a, b in zip(names, got, wanted, strict=True)])
    return calls


def _states_before(
    program: Program, tensors: Sequence[torch.Tensor], number: int
) -> list[torch.Tensor]:
    """The states as torch has them before the call of this number."""
    states = [one.initial for one in program.states]
    for _ in range(number):
        values: Values = dict(zip(program.inputs, [*tensors, *states], strict=True))
        kept = program.results[len(program.results) - len(states) :]
        states = [value_of(program, one, values) for one in kept]
    return states


def _from_float(program: Program) -> str:
    if program.calibration is not None:
        return str(program.calibration)
    return "not known: it was not calibrated by nnapi_core.quantize" if program.quants else ""


def _example_shapes(converted: Converted) -> list[tuple[int, ...]]:
    return [tuple(node.meta["val"].shape) for node in converted.background.program.user_inputs]


def _error(name: str, actual: Any, expected: Any) -> OutputError:
    away = difference(actual, expected)
    return OutputError(name, away.max_abs, away.relative)


def _culprit(converted: Converted, trace: Trace, wanted: list[Any], limit: float) -> Culprit | None:
    program = converted.background.program
    results = _results(program, trace)
    for node, value, expected in zip(_returned(program), results, wanted, strict=True):
        away = difference(value, expected).relative
        if away > limit and isinstance(node, torch.fx.Node):
            why = "the graph that was prepared from the model departs from it, before any lowering"
            return Culprit(node.name, str(node.target), source_of(node), away, why)
    for position, error in enumerate(trace.nodes):
        if error.relative > limit:
            return _departing(error, trace.nodes[:position], limit)
    return _fused(converted, trace, limit)


def _returned(program: Program) -> list[Any]:
    """The results without those that are written or kept, and without None, as pytrees have them."""
    return [one for one in program.returned if one is not None]


def _results(program: Program, trace: Trace) -> list[Any]:
    """Of the prepared graph in torch."""
    return [
        value_of(program, one, trace.reference) if isinstance(one, torch.fx.Node) else one
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


def _fused(converted: Converted, trace: Trace, limit: float) -> Culprit | None:
    """Each node is right by itself: one of the pieces is wrong as it was optimised."""
    background: Background = converted.background
    relaxed = bool(converted.contents.manifest["relaxed"])
    for piece in background.partition.pieces:
        if piece.device is not Device.NNAPI or piece.on_host:
            continue
        for result in piece.outputs:
            wrong = first_wrong(
                background, piece, result, trace.reference, limit=limit, relaxed=relaxed
            )
            if wrong is not None:
                node, relative = wrong
                why = "right by itself, wrong once it is optimised with the nodes before it"
                return Culprit(node.name, str(node.target), source_of(node), relative, why)
    return None
