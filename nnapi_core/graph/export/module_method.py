"""A method of a module as a module whose ``forward`` it is, over the same parameters, buffers and attributes."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable
from types import FunctionType
from typing import Any

import torch
from attrs import frozen

from nnapi_core.errors import ConversionError

# Those of the module are for calls of the module itself, which no method is.
_HOOKS = (
    "_backward_hooks",
    "_backward_pre_hooks",
    "_forward_hooks",
    "_forward_hooks_always_called",
    "_forward_hooks_with_kwargs",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
)


@frozen(eq=False)
class ModuleMethod:
    """What is called of a module."""

    module: torch.nn.Module
    function: Callable[..., Any] | None
    """It takes the module first; None: the module itself is called."""

    @classmethod
    def of(cls, name: str, called: Any) -> ModuleMethod:
        """Of a bound method, or a module. Raises `ConversionError` for anything else, which is told by ``name``."""
        if isinstance(called, torch.nn.Module):
            return cls(called, None)
        if inspect.ismethod(called) and isinstance(called.__self__, torch.nn.Module):
            return cls(called.__self__, called.__func__)
        said = getattr(called, "__qualname__", None) or f"of type {type(called).__name__}"
        raise ConversionError(
            f"the method {name!r} is {said}, no bound method of an nn.Module; give module.{name}, and make what is "
            "computed over several modules a method of one that has them as parts"
        )

    def view(self, module: torch.nn.Module | None = None) -> torch.nn.Module:
        """The method as a module: of the module, or of a copy of it."""
        module = self.module if module is None else module
        if self.function is None:
            return module
        made = object.__new__(_view_class(type(module), self.function))
        object.__setattr__(made, "__dict__", vars(module))
        return made


def _view_class(owner: type, function: Callable[..., Any]) -> type[torch.nn.Module]:
    traced = _named_forward(function)

    def call(self: torch.nn.Module, *args: Any, **kwargs: Any) -> Any:
        # In the class that the method is of: it may call others of it.
        module: torch.nn.Module = object.__new__(owner)
        object.__setattr__(module, "__dict__", vars(self))
        return traced(module, *args, **kwargs)

    call.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    hooks: dict[str, OrderedDict[int, Any]] = {name: OrderedDict() for name in _HOOKS}

    def own(name: str) -> property:
        return property(lambda self: hooks[name])

    members: dict[str, Any] = {name: own(name) for name in _HOOKS}
    # What torch.compile made of the module is its forward's.
    members["_compiled_call_impl"] = property(lambda self: None)
    members["forward"] = call
    name = f"{owner.__name__}.{getattr(function, '__name__', 'method')}"
    return type(name, (torch.nn.Module,), members)


def _named_forward(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function; torch remembers the lines of functions of that name alone."""
    if not isinstance(function, FunctionType):
        return function
    code = function.__code__.replace(co_name="forward")
    made = FunctionType(
        code, function.__globals__, "forward", function.__defaults__, function.__closure__
    )
    made.__kwdefaults__ = function.__kwdefaults__
    return made
