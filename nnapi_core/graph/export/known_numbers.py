"""``item()``, ``int()`` and ``bool()`` of a module's own tensors while it is exported: torch has but fake ones there.

What such a number is computed from is looked up when it is asked for; everything else is traced as usual.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils._python_dispatch import _disable_current_modes

_ASKING = {
    torch.Tensor.item, torch.Tensor.tolist, torch.Tensor.__int__, torch.Tensor.__float__,
    torch.Tensor.__bool__, torch.Tensor.__index__, torch.is_nonzero, torch.equal, torch.allclose,
}  # fmt: skip
# What made a tensor: which of the results of a call it is.
_Call = tuple[Callable[..., Any], int, tuple[Any, ...], dict[str, Any], torch.Tensor]


class KnownNumbers(TorchFunctionMode):
    """Answers with the numbers of ``module``'s own tensors, and of what is computed of them."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.read: set[str] = set()
        """The names of the tensors that were looked up."""
        self._module = module
        self._numbers = dict(_tensors_of(module))
        # Results, with what made them; each is kept alive, so that its id stays its own.
        self._made: dict[int, _Call] = {}
        self._written: set[int] = set()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in _ASKING and self._is_known((args, kwargs), {}):
            return self._computed(func, args, kwargs)
        if _writes(func, kwargs):
            for tensor in _tensors_in((args[:1], kwargs.get("out"))):
                self._note_written(tensor)
        result = func(*args, **kwargs)
        for place, one in enumerate(_tensors_in(result)):
            if id(one) not in self._made and not _writes(func, kwargs):
                self._made[id(one)] = (func, place, args, kwargs, one)
        return result

    def _note_written(self, tensor: torch.Tensor) -> None:
        """It has other numbers now, and so may have what it is a view of."""
        if id(tensor) not in self._written:
            self._written.add(id(tensor))
            if id(tensor) in self._made:
                _, _, args, kwargs, _ = self._made[id(tensor)]
                for source in _tensors_in((args, kwargs)):
                    self._note_written(source)

    def _name(self, tensor: torch.Tensor) -> str | None:
        return next((name for name, one in _tensors_of(self._module) if one is tensor), None)

    def _is_known(self, value: Any, seen: dict[int, bool]) -> bool:
        """Are all tensors in a value computed from the module's own?"""
        for tensor in _tensors_in(value):
            if id(tensor) not in seen:
                seen[id(tensor)] = False
                if id(tensor) in self._made:
                    func, _, args, kwargs, _ = self._made[id(tensor)]
                    known = not _is_random(func) and self._is_known((args, kwargs), seen)
                else:
                    known = self._name(tensor) is not None
                seen[id(tensor)] = known and id(tensor) not in self._written
            if not seen[id(tensor)]:
                return False
        return True

    def _computed(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        args, kwargs = pytree.tree_map_only(torch.Tensor, self._value, (args, kwargs))
        with _disable_current_modes(), torch.no_grad():
            return func(*args, **kwargs)

    def _value(self, tensor: torch.Tensor) -> Any:
        if id(tensor) in self._made:
            func, place, args, kwargs, _ = self._made[id(tensor)]
            return _tensors_in(self._computed(func, args, kwargs))[place]
        name = self._name(tensor) or ""
        self.read.add(name)
        return self._numbers[name]


def _tensors_of(module: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Parameters, buffers, and tensors that are plain attributes."""
    yield from module.named_parameters()
    yield from module.named_buffers()
    for path, part in module.named_modules():
        for name, value in vars(part).items():
            if isinstance(value, torch.Tensor):
                yield f"{path}.{name}" if path else name, value


def _tensors_in(value: Any) -> list[torch.Tensor]:
    return [one for one in pytree.tree_leaves(value) if isinstance(one, torch.Tensor)]


def _writes(func: Callable[..., Any], kwargs: dict[str, Any]) -> bool:
    name = getattr(func, "__name__", "")
    in_place = name.endswith("_") and not name.endswith("__")
    own = name.startswith("__i") and name not in ("__int__", "__index__", "__invert__")
    return in_place or own or name in ("__setitem__", "__set__") or kwargs.get("out") is not None


def _is_random(func: Callable[..., Any]) -> bool:
    return "rand" in (resolve_name(func) or "")
