"""`check_lowering`: right or refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import torch
import torch.utils._pytree as pytree
from attrs import field, frozen
from torch.export import ExportedProgram

import nnapi_runtime
from nnapi_core.conversion.convert import convert
from nnapi_core.conversion.converted import Converted
from nnapi_core.errors import PluginError, Unsupported
from nnapi_core.nnapi.serialize import WeightTable, deserialize, serialize
from nnapi_core.plugins.registry import Registry, installed_plugins
from nnapi_core.testing.tolerances import tolerance


@frozen(eq=False)
class Case:
    """A torch function or module, its arguments, and how exact the result must be.

    Tensors among ``args`` are inputs of the model; constants belong into the function (a closure or a module).
    """

    function: Callable[..., Any]
    args: Sequence[Any]
    feature_level: int = 1000008
    terms: int = 1
    """How many products are summed for one element of the result."""
    magnitude: float = 0.0
    """The largest intermediate, where it is larger than the result."""
    bound: float = 0.0
    """The documented error of an approximation."""
    quant_steps: int = 1
    """Of `check_quantised`: how many steps of its scale a result may be off."""


@frozen(eq=False)
class Outcome:
    """``converted`` runs on NNAPI alone and is right, or ``reasons`` say why it was refused."""

    converted: Converted | None = field(repr=False)
    reasons: tuple[str, ...] = ()

    @property
    def supported(self) -> bool:
        return self.converted is not None


class _Wrapped(torch.nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: Any) -> Any:
        return self.function(*args)


# By the code of a case's function: Hypothesis would shrink an error that no example is to blame for, for minutes.
_failed: dict[tuple[Any, Registry | None], tuple[PluginError, TracebackType | None]] = {}


def check_lowering(case: Case, *, registry: Registry | None = None) -> Outcome:
    """Exports, lowers, serialises, reads back, runs on the host runtime, and compares with torch.

    Returns the outcome: supported and right, or refused with reasons. Raises `AssertionError` for a wrong result, for
    bytes that do not read back, for a result that the runtime refuses, and for a lowering that failed
    with anything but `Unsupported`. Raises `PluginError` where a plugin is at fault, and then the same, at once, for
    every other example of this test.
    """
    return or_plugins_fault(case, registry, _checked)


def or_plugins_fault(
    case: Case, registry: Registry | None, check: Callable[[Case, Registry], Outcome]
) -> Outcome:
    """What ``check`` gives; or the `PluginError` that it raised for another example of this test."""
    test = getattr(case.function, "__code__", type(case.function)), registry
    if test not in _failed:
        try:
            return check(case, registry or installed_plugins())
        except PluginError as error:
            _failed[test] = error, error.__traceback__
    # Always the same error, from the same place, or Hypothesis takes it for several.
    failure, where = _failed[test]
    raise failure.with_traceback(where)


def module_of(case: Case) -> torch.nn.Module:
    """In evaluation mode."""
    function = case.function
    return (function if isinstance(function, torch.nn.Module) else _Wrapped(function)).eval()


def _checked(case: Case, registry: Registry) -> Outcome:
    module = module_of(case)
    with torch.no_grad():
        expected = module(*copied(case.args))
    outcome, actual = run_converted(module, case, registry)
    if outcome.supported:
        _compare(actual, expected, case)
    return outcome


def run_converted(
    model: torch.nn.Module | ExportedProgram, case: Case, registry: Registry
) -> tuple[Outcome, Any]:
    """The model converted to NNAPI alone, and its result on the case's arguments; or the reasons, and None."""
    try:
        converted = convert(
            model,
            tuple(case.args),
            feature_level=case.feature_level,
            fallback="error",
            registry=registry,
        )
    except Unsupported as refusal:
        reasons = tuple(str(refusal).splitlines()[1:]) or (str(refusal),)
        crashed = [reason for reason in reasons if ") failed: " in reason]
        assert not crashed, "a lowering must refuse with Unsupported:\n" + "\n".join(crashed)
        return Outcome(None, reasons), None
    _check_bytes(converted)
    needed = converted.report.feature_level
    assert needed <= case.feature_level, f"emitted level {needed} for {case.feature_level}"
    try:
        return Outcome(converted), converted(*copied(case.args))
    except nnapi_runtime.NnapiError as error:
        raise AssertionError(f"the runtime refuses the converted model: {error}") from error


def copied(args: Sequence[Any]) -> Any:
    """The model may write into its arguments."""
    return pytree.tree_map_only(torch.Tensor, torch.clone, tuple(args))


def _check_bytes(converted: Converted) -> None:
    """Words read back must serialise to the same words."""
    arrays = [constant.array() for constant in converted.contents.weights.constants]
    for name, words in converted.contents.models.items():
        again = serialize(deserialize(words, arrays), WeightTable())
        assert len(again) == len(words), f"{name} does not read back as it was written"


def _compare(actual: Any, expected: Any, case: Case) -> None:
    got, wanted = pytree.tree_leaves(actual), pytree.tree_leaves(expected)
    assert len(got) == len(wanted), f"{len(got)} results, torch has {len(wanted)}"
    for position, (a, b) in enumerate(zip(got, wanted, strict=True)):
        if not isinstance(b, torch.Tensor):
            assert a == b, f"result {position} is {a!r}, torch has {b!r}"
            continue
        what = f"result {position}"
        assert a.dtype == b.dtype, f"{what} is {a.dtype}, torch has {b.dtype}"
        assert a.shape == b.shape, f"{what} is {list(a.shape)}, torch has {list(b.shape)}"
        compare(a, b, case, what)


def compare(actual: torch.Tensor, expected: torch.Tensor, case: Case, what: str) -> None:
    """Raises `AssertionError`, with the first and the worst difference, where ``actual`` is too far off."""
    limit = tolerance(expected, terms=case.terms, magnitude=case.magnitude, bound=case.bound)
    a, b = actual.double(), expected.double()
    same = (a == b) | (a.isnan() & b.isnan())
    difference = torch.where(same, 0.0, (a - b).abs())
    allowed = limit.absolute + limit.relative * b.abs()
    wrong = ~same & ~(difference <= allowed)
    if bool(wrong.any()):
        index = tuple(int(i) for i in wrong.nonzero()[0])
        worst = float(difference[wrong].max())
        raise AssertionError(
            f"{what}: {int(wrong.sum())} of {wrong.numel()} elements are wrong, first at {index}: "
            f"{float(actual[index])!r}, torch has {float(expected[index])!r}; "
            f"worst difference {worst:.3g}, allowed {limit}"
        )
