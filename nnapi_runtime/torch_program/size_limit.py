"""What an operator would allocate, found out before it does: a few bytes of text can ask for any number of elements."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nnapi_runtime.tensors import import_torch
from nnapi_runtime.torch_program.overloads import Overload

# No operator makes more elements than the product of its operands' elements and whole numbers: so few are let pass.
FREE_ELEMENTS = 1 << 22
# What an operator may make, and how many times its operands besides, as long as the machine has it.
FREE_BYTES = 1 << 28
MOST_TIMES = 1000
_REMARKABLE_BYTES = 1 << 25
_REMEMBERED = 64
_COUNTS = ("int", "List[int]")
_LISTS = ("List[Tensor]", "List[Optional[Tensor]]")

# Of the views, which take no memory themselves, those that have more elements than their operand: the next operator
# may write them out.
_GROWING_VIEWS = frozenset(
    f"aten::{one}" for one in ("expand", "expand_as", "broadcast_to", "as_strided", "unfold")
)


def limited(
    overload: Overload,
    passed: Sequence[tuple[str, Any]],
    held: Sequence[tuple[str, Any]],
    call: Callable[..., Any],
    without_data: Callable[..., Any],
) -> Callable[..., Any]:
    """``call``, which raises `MemoryError` for results out of proportion, or beyond the machine's free memory.

    ``passed`` and ``held`` are the types of the arguments that it is given and of those in it, with their values if
    the text says them, else None. ``without_data`` is the same call for tensors that have only a shape.
    """
    if overload.is_view and overload.name.split(".")[0] not in _GROWING_VIEWS:
        return call
    types = [kind for kind, _ in passed]
    tensors = [place for place, kind in enumerate(types) if kind == "Tensor"]
    others = [place for place, kind in enumerate(types) if kind in _LISTS]
    # Where there is no tensor, any number may be a size.
    counts = _COUNTS if tensors or others else (*_COUNTS, "float", "number")
    factor: int | float = 1
    for place, (kind, value) in enumerate((*passed, *held)):
        if kind in counts and value is not None:
            factor *= _magnitude(value)
        elif kind in counts:
            others.append(place)
    if len(tensors) < 2 and factor == 1 and not others:
        return call
    check = _Check(overload.name, without_data)
    if len(tensors) == 2 and factor == 1 and not others:
        first, second = tensors

        def checked_pair(*arguments: Any) -> Any:
            if arguments[first].numel() * arguments[second].numel() > FREE_ELEMENTS:
                check(arguments)
            return call(*arguments)

        return checked_pair

    def checked(*arguments: Any) -> Any:
        elements = factor
        for place in tensors:
            elements *= arguments[place].numel() or 1  # out of nothing, a pad makes anything
        for place in others:
            elements *= _magnitude(arguments[place])
        if elements > FREE_ELEMENTS:
            check(arguments)
        return call(*arguments)

    return checked


def _magnitude(value: Any) -> int | float:
    """A bound of what an argument multiplies the number of elements with."""
    if isinstance(value, bool) or value is None:
        return 1
    if isinstance(value, (int, float)):
        return max(1, abs(value))
    if isinstance(value, (list, tuple)):
        # One after the other: tensors are put together, sizes are multiplied.
        return math.prod(map(_magnitude, value))
    return max(1, value.numel()) if hasattr(value, "numel") else 1


class _Check:
    """Asks torch for the results' shapes, without computing them."""

    def __init__(self, name: str, call: Callable[..., Any]) -> None:
        self._name = name
        self._call = call
        self._torch: Any = import_torch("an operator of torch")
        self._known: dict[Any, tuple[int, int]] = {}

    def __call__(self, arguments: Sequence[Any]) -> None:
        key = tuple(map(self._key, arguments))
        if key not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = self._sizes(arguments)
        made, given = self._known[key]
        if made > FREE_BYTES + MOST_TIMES * given:
            raise MemoryError(
                f"{self._name} would make {made} bytes of {given}; the most is {FREE_BYTES} and "
                f"{MOST_TIMES} times what it is given"
            )
        if made > _REMARKABLE_BYTES and made > (available := available_bytes()):
            raise MemoryError(
                f"{self._name} would make {made} bytes; this machine has {available} free"
            )

    def _key(self, argument: Any) -> Any:
        if isinstance(argument, self._torch.Tensor):
            return argument.shape, argument.dtype
        return tuple(map(self._key, argument)) if isinstance(argument, list) else argument

    def _sizes(self, arguments: Sequence[Any]) -> tuple[int, int]:
        """Bytes of the results, and of the operands."""
        try:
            results = self._call(*map(self._without_data, arguments))
        except Exception:  # it has no shapes without data, or refuses these: then it says so itself
            results = ()
        return self._bytes(results), self._bytes(arguments)

    def _bytes(self, value: Any) -> int:
        if isinstance(value, self._torch.Tensor):
            return int(value.numel() * value.element_size())
        return sum(map(self._bytes, value)) if isinstance(value, (tuple, list)) else 0

    def _without_data(self, argument: Any) -> Any:
        torch = self._torch
        if isinstance(argument, torch.Tensor):
            return torch.empty_strided(
                argument.shape, argument.stride(), dtype=argument.dtype, device="meta"
            )
        if isinstance(argument, torch.device):
            return torch.device("meta")
        return list(map(self._without_data, argument)) if isinstance(argument, list) else argument


def available_bytes() -> float:
    """Memory that the system can still give this process, as far as it says."""
    return min(_of_machine(), _of_container())


def _of_machine() -> float:
    try:
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return math.inf


def _of_container() -> float:
    folder = Path("/sys/fs/cgroup")
    try:
        most, used = ((folder / f"memory.{one}").read_text("ascii") for one in ("max", "current"))
        return int(most) - int(used)
    except (OSError, ValueError):  # none, or no limit
        return math.inf
