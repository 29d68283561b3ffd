"""Which overload of an operator a call means: the one that TorchScript would take, by the arguments' types."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from nnapi_runtime.tensors import import_torch
from nnapi_runtime.torch_program.conversions import CONVERSION
from nnapi_runtime.torch_program.operators import UNCHECKED, is_allowed

# Types are TorchScript's, as it writes them ("List[Optional[Tensor]]"); None's is "None".


@dataclass(frozen=True, slots=True)
class Parameter:
    """Of an overload. ``is_broadcast``: one element may stand for a list of them."""

    name: str
    type: str
    has_default: bool
    keyword_only: bool
    is_broadcast: bool

    def takes(self, given: str, *, converting: bool) -> bool:
        return is_accepted(self.type, given, converting=converting) or (
            self.is_broadcast and element_of(self.type) == given
        )


@dataclass(frozen=True, slots=True)
class Overload:
    """One that reads its arguments and writes to none. ``call`` takes them, those by keyword as such."""

    name: str
    parameters: tuple[Parameter, ...]
    results: tuple[str, ...]
    is_view: bool
    """Does a result share an argument's memory?"""
    call: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """An overload, and for each argument of the call the parameter that it is."""

    overload: Overload
    positional: tuple[Parameter, ...]
    keywords: tuple[Parameter, ...]


def choose(operator: str, positional: Sequence[str], keywords: Mapping[str, str]) -> Choice | None:
    """The first overload of ``operator`` ("aten::add") whose parameters take arguments of these types.

    As in TorchScript, those that take them as they are come before those that convert. None: there is none.
    """
    candidates = overloads(operator)
    for converting in (False, True):
        for overload in candidates:
            choice = _bound(overload, positional, keywords, converting)
            if choice is not None:
                return choice
    return None


def _bound(
    overload: Overload, positional: Sequence[str], keywords: Mapping[str, str], converting: bool
) -> Choice | None:
    places = [one for one in overload.parameters if not one.keyword_only]
    if len(positional) > len(places):
        return None
    first = tuple(places[: len(positional)])
    rest = {one.name: one for one in overload.parameters if one not in first}
    if any(word not in rest for word in keywords):
        return None
    if any(not one.has_default and name not in keywords for name, one in rest.items()):
        return None
    named = tuple(rest[word] for word in keywords)
    pairs = zip((*first, *named), (*positional, *keywords.values()), strict=True)
    if not all(one.takes(given, converting=converting) for one, given in pairs):
        return None
    return Choice(overload, first, named)


def is_accepted(wanted: str, given: str, *, converting: bool = False) -> bool:
    """Does a parameter of type ``wanted`` take a value of type ``given``, if need be ``converting`` it?"""
    if wanted == given:
        return True
    if wanted.startswith("Optional["):
        inner = _unwrapped("Optional", wanted)
        return given == "None" or is_accepted(inner, given, converting=converting)
    if wanted == "number" and given in ("int", "float", "complex"):
        return True
    return converting and (given, wanted) in CONVERSION


def element_of(kind: str) -> str | None:
    """The type of the elements of ``List[…]`` or ``Optional[List[…]]``; None: it is no list."""
    kind = _unwrapped("Optional", kind)
    return _unwrapped("List", kind) if kind.startswith("List[") else None


def _unwrapped(word: str, kind: str) -> str:
    """``inner`` of ``word[inner]``."""
    return kind[len(word) + 1 : -1] if kind.startswith(f"{word}[") else kind


@cache
def overloads(operator: str) -> tuple[Overload, ...]:
    """The allowed overloads of an operator, in TorchScript's order."""
    if not is_allowed(operator):
        return ()
    torch: Any = import_torch("an operator of torch")
    return tuple(
        _overload(torch, schema)
        for schema in torch._C._jit_get_schemas_for_operator(operator)
        if not schema.is_mutable
        and (name := full_name(schema)) not in UNCHECKED
        # One of tensors, rather than of TorchScript's own lists and words.
        and torch._C._dispatch_has_kernel(name)
    )


def full_name(schema: Any) -> str:
    """ "aten::add.Tensor"."""
    return f"{schema.name}.{schema.overload_name}" if schema.overload_name else str(schema.name)


def _overload(torch: Any, schema: Any) -> Overload:
    call, *_ = torch._C._get_operation_overload(schema.name, schema.overload_name)
    parameters = tuple(
        Parameter(
            one.name,
            one.real_type.annotation_str,
            one.has_default_value(),
            one.kwarg_only,
            bool(one.N),
        )
        for one in schema.arguments
    )
    return Overload(
        full_name(schema),
        parameters,
        tuple(str(one.type.annotation_str) for one in schema.returns),
        any(one.alias_info is not None for one in schema.returns),
        call,
    )
