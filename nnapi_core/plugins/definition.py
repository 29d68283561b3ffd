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

    @property
    def where(self) -> str:
        code = self.function.__code__
        return f"{self.function.__module__}.{self.function.__name__} ({code.co_filename}:{code.co_firstlineno})"

    def check(self) -> None:
        """Parameters and docstring must say what the ATen schema says; raises `PluginError`."""
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


def lowering(
    *overloads: torch._ops.OpOverload,
    layout: Layout,
    overrides: bool = False,
    limitations: Sequence[Limitation] = (),
    in_floats: str = "",
) -> Callable[[F], F]:
    """Marks a function as the lowering of ``overloads``.

    The function takes the `Context` first and then the arguments of the ATen schema by name (``**ignored`` for
    those that mean nothing to NNAPI): a `Value` for each tensor, a list of them for a tensor list, plain Python
    values for the rest. It returns a `Value`
    (a tuple of them for several results), or raises `Unsupported`. Its docstring begins with the schema of each
    overload, one a line. ``overrides=True`` takes an overload that another plugin claims; where it
    refuses, the replaced lowering is asked. ``in_floats`` is what reports say of a call among integers whose
    operands are floats, beyond that.
    """

    def mark(function: F) -> F:
        record = Lowering(function, overloads, layout, overrides, tuple(limitations), in_floats)
        setattr(function, _MARK, record)
        return function

    return mark


@frozen(eq=False)
class Decomposition:
    """One function that says an overload in terms of other torch operators."""

    function: Callable[..., Any]
    overloads: tuple[torch._ops.OpOverload, ...]


def decomposition(*overloads: torch._ops.OpOverload) -> Callable[[F], F]:
    """Marks a function of torch tensors that computes what ``overloads`` compute, by other operators.

    It is used where no lowering claims the overload, before torch's own decompositions. It is called with fake
    tensors, and may raise `Unsupported`: the operator then stays whole, and that is the reason that is reported.
    """

    def mark(function: F) -> F:
        setattr(function, _DECOMPOSITION, Decomposition(function, overloads))
        return function

    return mark


def decompositions_of(module_name: str) -> list[Decomposition]:
    """Every function of a module that is marked with `decomposition`, in the order of its source."""
    return _marked(module_name, _DECOMPOSITION)


def lowerings_of(module_name: str) -> list[Lowering]:
    """Every function of a module that is marked with `lowering`, in the order of its source."""
    return _marked(module_name, _MARK)


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
    """On the torch graph, after export and before decomposition: ``function(program) -> None``."""
    MODEL = "model"
    """On the NNAPI model, after lowering: ``function(model) -> model``."""


@frozen(eq=False)
class Pass:
    """A rewrite of the graph or of the model; passes of a phase run in order of ``rank``, then name."""

    name: str
    phase: Phase
    function: Callable[[Any], Any]
    rank: int = field(default=100)
