"""A call of an overload as a function of the arguments that a run knows; the others are in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from nnapi_runtime.torch_program.operator_preconditions import checked, precondition
from nnapi_runtime.torch_program.overloads import Overload, Parameter
from nnapi_runtime.torch_program.size_limit import limited


class Argument(NamedTuple):
    """For ``parameter``: what is in ``register``, of ``type``; ``literal`` if the text says it, else None."""

    parameter: Parameter
    register: int
    type: str
    literal: Any


class Invocation(NamedTuple):
    """``call`` takes what is in ``registers``."""

    call: Callable[..., Any]
    registers: tuple[int, ...]


def invocation(overload: Overload, arguments: Sequence[Argument]) -> Invocation:
    """``arguments`` are those that are given, in any order."""
    given = {one.parameter.name: one for one in arguments}
    positional: list[Argument] = []
    for parameter in overload.parameters:
        if parameter.keyword_only or parameter.name not in given:
            break
        positional.append(given.pop(parameter.name))
    held = {
        name: one for name, one in given.items() if one.type == "None" or one.literal is not None
    }
    passed = [*positional, *(one for name, one in given.items() if name not in held)]
    names = [one.parameter.name for one in passed[len(positional) :]]
    constants = {name: one.literal for name, one in held.items()}
    call = _bound(overload.call, names, constants)
    # Without a tensor among the arguments, the device says where results lie.
    has_device = any(one.name == "device" and one.keyword_only for one in overload.parameters)
    elsewhere = {**constants, **({"device": "meta"} if has_device else {})}
    call = limited(
        overload,
        [(one.type, one.literal) for one in passed],
        [(one.type, one.literal) for one in held.values()],
        call,
        _bound(overload.call, names, elsewhere),
    )
    check = precondition(overload.name.partition(".")[0])
    if check is not None:
        call = checked(check, [one.parameter.name for one in passed], constants, call)
    return Invocation(call, tuple(one.register for one in passed))


def _bound(
    call: Callable[..., Any], names: Sequence[str], constants: Mapping[str, Any]
) -> Callable[..., Any]:
    """``call`` with ``constants``; the last of its arguments are passed by ``names``."""
    if not names:
        return partial(call, **constants) if constants else call
    count = len(names)

    def by_name(*arguments: Any) -> Any:
        named = dict(zip(names, arguments[-count:], strict=True))
        return call(*arguments[:-count], **named, **constants)

    return by_name
