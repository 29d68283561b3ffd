"""Results with names, as a model's named tuples and dataclasses come out of a file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any


def record(name: str, fields: Sequence[str], values: Sequence[Any]) -> tuple[Any, ...]:
    """A named tuple: ``values`` are as many as ``fields``, and ``name`` is the class's in the model.

    A file knows no class of the model's own. (`collections.namedtuple` would compile the names as Python.)
    """
    made: tuple[Any, ...] = _record_type(name, tuple(fields))(*values)
    return made


@lru_cache(maxsize=256)
def _record_type(name: str, fields: tuple[str, ...]) -> Any:
    def new(cls: type[tuple[Any, ...]], *values: Any) -> tuple[Any, ...]:
        if len(values) != len(fields):
            raise TypeError(f"{name} has {len(fields)} members, not {len(values)}")
        return tuple.__new__(cls, values)

    def asdict(self: tuple[Any, ...]) -> dict[str, Any]:
        return dict(zip(fields, self, strict=True))

    def text(self: tuple[Any, ...]) -> str:
        return f"{name}({', '.join(f'{key}={value!r}' for key, value in asdict(self).items())})"

    def reduce(self: tuple[Any, ...]) -> tuple[Any, ...]:
        return record, (name, fields, tuple(self))

    def make(cls: Any, values: Sequence[Any]) -> Any:
        return cls(*values)

    members: dict[str, Any] = {one: property(itemgetter(i)) for i, one in enumerate(fields)}
    own: dict[str, Any] = {"__new__": new, "__repr__": text, "__reduce__": reduce}
    # torch's pytrees know a named tuple by these, and `_fields`.
    own |= {"_asdict": asdict, "_make": classmethod(make)}
    return type("Record", (tuple,), {"__slots__": (), **members, "_fields": fields, **own})
