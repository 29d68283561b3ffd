"""How the flat outputs of a model are put together again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nnapi_runtime.errors import ModelError
from nnapi_runtime.json_fields import Field

_DEPTH = 50


@dataclass(frozen=True, slots=True)
class OutputTree:
    """A leaf, None, or a tuple, list or dict of such."""

    kind: str
    children: tuple[OutputTree, ...] = ()
    keys: tuple[Any, ...] = ()

    @classmethod
    def parse(cls, field: Field, *, leaves: int) -> OutputTree:
        """Checks the JSON form, which must have so many leaves."""
        tree = cls._parse(field, _DEPTH)
        if tree.count() != leaves:
            raise field.refuse(f"a tree of {leaves} leaves")
        return tree

    @classmethod
    def _parse(cls, field: Field, depth: int) -> OutputTree:
        items = field.items()
        kind = items[0].text() if items else ""
        lengths = {"leaf": 1, "none": 1, "tuple": 2, "list": 2, "dict": 3}
        if lengths.get(kind) != len(items) or depth == 0:
            raise field.refuse('["leaf"], ["none"], ["tuple", …], ["list", …] or ["dict", keys, …]')
        if kind in ("leaf", "none"):
            return cls(kind)
        children = tuple(cls._parse(item, depth - 1) for item in items[-1].items())
        keys = tuple(_key(key) for key in items[1].items()) if kind == "dict" else ()
        if kind == "dict" and (len(keys) != len(children) or len(set(keys)) != len(keys)):
            raise items[1].refuse(f"{len(children)} different keys")
        return cls(kind, children, keys)

    def count(self) -> int:
        """The number of leaves."""
        return 1 if self.kind == "leaf" else sum(child.count() for child in self.children)

    def build(self, leaves: Sequence[Any]) -> Any:
        return self._build(iter(leaves))

    def _build(self, leaves: Iterator[Any]) -> Any:
        if self.kind == "leaf":
            return next(leaves)
        if self.kind == "none":
            return None
        built = [child._build(leaves) for child in self.children]
        if self.kind == "dict":
            return dict(zip(self.keys, built, strict=True))
        return tuple(built) if self.kind == "tuple" else built


def _key(field: Field) -> Any:
    try:
        return field.text()
    except ModelError:
        return field.integer(-(2**63), 2**63 - 1)
