"""What a plugin contributes: lowerings and passes."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, TypeVar

import torch
from attrs import field, frozen

from nnapi_core.errors import PluginError
from nnapi_core.nnapi.layout import Layout

F = TypeVar("F", bound=Callable[..., Any])
_MARK = "__nnapi_lowering__"
_DECOMPOSITION = "__nnapi_decomposition__"


def described(function: Callable[..., Any]) -> str:
    """Module, name and place of a function, as far as it has them."""
    name = f"{getattr(function, '__module__', '?')}.{getattr(function, '__name__', repr(function))}"
    code = getattr(function, "__code__", None)
    return name if code is None else f"{name} ({code.co_filename}:{code.co_firstlineno})"


@frozen(eq=False)
class Limitation:
    """A known gap of a lowering, as data: it documents a refusal, and is printed in docs/coverage.md."""

    reason: str
    level: int | None = None
    """The feature level from which on the gap is closed, where there is one."""


@frozen(eq=False)
class Lowering:
    """One function, the ATen overloads it claims, and the layout it asks for."""

    function: Callable[..., Any]
    overloads: tuple[torch._ops.OpOverload, ...]
    layout: Layout
    overrides: bool = False
    limitations: tuple[Limitation, ...] = ()
    in_floats: str = ""
    """Why it computes in floats among integers, where that is not for want of quantised operands."""
    special_values: str = ""
    """What it makes of NaN, infinities, and numbers near the ends of float32, where its way is not torch's."""

    @property
    def where(self) -> str:
        return described(self.function)

    def check(self) -> None:
        """Parameters and docstring must say what the ATen schema says; raises `PluginError`."""
        if not callable(self.function) or not isinstance(self.layout, Layout):
            raise PluginError(f"{self.where}: a lowering is a function with a layout= of Layout")
        check_overloads(self.where, self.overloads)
        parameters = list(inspect.signature(self.function).parameters.values())[1:]
        # **ignored stands for arguments that mean nothing to NNAPI (devices, memory formats).
        rest = any(p.kind is p.VAR_KEYWORD for p in parameters)
        names = {p.name for p in parameters if p.kind is not p.VAR_KEYWORD}
        required = {p.name for p in parameters if p.name in names and p.default is p.empty}
        doc = [line.strip() for line in (self.function.__doc__ or "").splitlines()]
        for overload in self.overloads:
            arguments = {argument.name for argument in overload._schema.arguments}
            if not required <= arguments or not (rest or arguments <= names):
                raise PluginError(
                    f"{self.where} lowers {overload}, whose arguments are ({', '.join(arguments)}), "
                    f"but its parameters are ({', '.join(names)}); name them as the schema does"
                )
            schema = str(overload._schema).split("::", 1)[-1]
            if schema not in doc:
                raise PluginError(
                    f"the docstring of {self.where} must have the schema on a line of its own:\n  {schema}"
                )


def check_overloads(where: str, overloads: Any) -> None:
    """Raises `PluginError` for what is not a tuple of overloads."""
    for one in overloads if isinstance(overloads, tuple) else [overloads]:
        if not isinstance(one, torch._ops.OpOverload):
            raise PluginError(
                f"{where} claims {one!r}, which is not an overload; say {_an_overload(one)}"
            )


def _an_overload(claimed: Any) -> str:
    """How to say what was probably meant."""
    if not isinstance(claimed, torch._ops.OpOverloadPacket):
        return "torch.ops.aten.NAME.default"
    name = str(claimed._qualified_op_name).replace("::", ".")
    return " or ".join(f"torch.ops.{name}.{one or 'default'}" for one in claimed._overload_names)


def lowering(
    *overloads: torch._ops.OpOverload,
    layout: Layout,
    overrides: bool = False,
    limitations: Sequence[Limitation] = (),
    in_floats: str = "",
    special_values: str = "",
) -> Callable[[F], F]:
    """Marks a function as the lowering of ``overloads``.

    The function takes the `Context` first and then the arguments of the ATen schema by name (``**ignored`` for
    those that mean nothing to NNAPI): a `Value` for each tensor, a list of them for a tensor list, plain Python
    values for the rest. It returns a `Value`
    (a tuple of them for several results), or raises `Unsupported`. Its docstring begins with the schema of each
    overload, one a line. ``overrides=True`` takes an overload that another plugin claims; where it
    refuses, the replaced lowering is asked. ``in_floats`` is what reports say of a call among integers whose
    operands are floats, beyond that. ``special_values`` is what they say of NaN, infinities, and numbers near the
    ends of float32, where the result is not torch's; what NNAPI's operations make of them by themselves is known
    (`nnapi_core.nnapi.special_values`).
    """

    def mark(function: F) -> F:
        record = Lowering(
            function, overloads, layout, overrides, tuple(limitations), in_floats, special_values
        )
        setattr(function, _MARK, record)
        return function

    return mark


@frozen(eq=False)
class Decomposition:
    """One function that says an overload in terms of other torch operators."""

    function: Callable[..., Any]
    overloads: tuple[torch._ops.OpOverload, ...]
    plugin: str = ""
    """Whose it is; the registry says it."""
    special_values: str = ""
    """As of a `Lowering`."""


def decomposition(*overloads: torch._ops.OpOverload, special_values: str = "") -> Callable[[F], F]:
    """Marks a function of torch tensors that computes what ``overloads`` compute, by other operators.

    It is used where no lowering claims the overload, before torch's own decompositions. It is called with fake
    tensors, and may raise `Unsupported`: the operator then stays whole, and that is the reason that is reported.
    Torch still runs the operator itself; ``special_values`` is what reports say of the decomposition, as of a
    `lowering`.
    """

    def mark(function: F) -> F:
        record = Decomposition(function, overloads, special_values=special_values)
        setattr(function, _DECOMPOSITION, record)
        return function

    return mark


def decompositions_of(module_name: str) -> list[Decomposition]:
    """Every function of a module that is marked with `decomposition`, in the order of its source."""
    return _marked(module_name, _DECOMPOSITION)


def lowerings_of(module_name: str) -> list[Lowering]:
    """Every function of a module that is marked with `lowering`, in the order of its source."""
    return _marked(module_name, _MARK)


def marked_in(module: Any) -> list[tuple[str, Lowering | Decomposition]]:
    """What a module's own functions are marked as, and the hook that gives such records."""
    name = getattr(module, "__name__", "")
    if name not in sys.modules:
        return []
    found = [("nnapi_lowerings", one) for one in _marked(name, _MARK)]
    return found + [("nnapi_decompositions", one) for one in _marked(name, _DECOMPOSITION)]


def _marked(module_name: str, mark: str) -> list[Any]:
    """What a module's own functions carry under ``mark``; functions it imports are another module's."""
    return [
        getattr(function, mark)
        for function in vars(sys.modules[module_name]).values()
        if inspect.isfunction(function)
        and hasattr(function, mark)
        and function.__module__ == module_name
    ]


class Phase(Enum):
    """When a pass runs."""

    GRAPH = "graph"
    """On the torch graph, and on each graph that it calls: ``function(program) -> None``."""
    MODEL = "model"
    """On the NNAPI model, after lowering: ``function(model) -> model``."""


@frozen(eq=False)
class Pass:
    """A rewrite of the graph or of the model; passes at one place run in order of ``rank``, then name.

    ``before`` or ``after`` names the step of a conversion that it stands beside (docs/plugins.md has the list). A
    pass that says neither runs before ``fold_batch_norm`` on the graph, after ``fuse_activations`` on the model.
    """

    name: str
    phase: Phase
    function: Callable[[Any], Any]
    rank: int = field(default=100)
    before: str | None = field(default=None, kw_only=True)
    after: str | None = field(default=None, kw_only=True)
    plugin: str = field(default="", kw_only=True)
    """Whose it is; the registry says it."""


class ResultRange(Enum):
    """Which range the result of a quantised operator has."""

    OWN = "own"
    """One of its own, found by calibration."""
    SAME = "same"
    """That of its first tensor, of which it has elements, or averages: NNAPI then needs no new scale."""
    JOINED = "joined"
    """One for it and all the tensors that it reads, as the maximum of two tensors has."""


@frozen
class FixedRange:
    """A range that is known beforehand, as that of a sigmoid: its scale, and its zero point among uint8.

    Among int8 the zero point is less by 128.
    """

    scale: float
    zero_point: int


@frozen(eq=False)
class QuantisedOperator:
    """What the quantiser is told of overloads, which it then rounds: what they read, and what they give.

    A lowering for them must be able to say them in integers (docs/plugins.md). It goes before what the quantiser
    knows of an overload by itself. Only calls whose tensors are all float32 are rounded.
    """

    overloads: tuple[torch._ops.OpOverload, ...]
    result: ResultRange | FixedRange = ResultRange.OWN
    tensors: tuple[str, ...] | None = field(default=None, kw_only=True)
    """The arguments that are rounded, by their names in the schema; None: all tensors. Others stay as they are."""
    least_level: int = field(default=27, kw_only=True)
    """The feature level from which on there are integers for it; below, it is computed in floats."""


@frozen(eq=False)
class ReportHook:
    """One plugin's ``nnapi_report``."""

    plugin: str
    function: Callable[..., Any]
    takes_report: bool
