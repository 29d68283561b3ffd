"""Sizes that are known when a model runs: what they are called, what they may be, and what follows from them."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nnapi_runtime.errors import ArgumentError, ModelError
from nnapi_runtime.json_fields import Field

# A number, the name of a size, or an operator and its operands.
_Tree = int | float | str | tuple[Any, ...]
_DEEPEST = 64
_INT64 = (-(2**63), 2**63 - 1)


@dataclass(frozen=True, slots=True)
class Expression:
    """A size as an expression of free sizes."""

    tree: _Tree

    @classmethod
    def parse(cls, field: Field, names: frozenset[str]) -> Expression:
        return cls(_tree(field, names, _DEEPEST))

    def at(self, sizes: Mapping[str, int]) -> int:
        try:
            return _value(self.tree, sizes)
        except ZeroDivisionError:
            raise ModelError(f"{self} divides by zero at {dict(sizes)}") from None

    def names(self) -> frozenset[str]:
        return frozenset(_names(self.tree))

    def __str__(self) -> str:
        return _text(self.tree)


Dims = tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Size:
    """A free size. Dimension ``dim`` of the value ``of`` is ``factor * size + offset``."""

    name: str
    least: int
    most: int | None
    of: str
    dim: int
    factor: int
    offset: int
    example: int
    """One that the model has run at."""

    @classmethod
    def parse(cls, field: Field) -> Size:
        most = field["max"]
        return cls(
            name=field["name"].text(),
            least=field["min"].integer(0, 2**31 - 1),
            most=None if most.is_null() else most.integer(0, 2**31 - 1),
            of=field["of"].text(),
            dim=field["dim"].integer(0, 255),
            factor=field["factor"].integer(1, 2**31 - 1),
            offset=field["offset"].integer(-(2**31), 2**31 - 1),
            example=field["example"].integer(0, 2**31 - 1),
        )

    def given_by(self, values: Mapping[str, Any]) -> int:
        """Its number, which the shape of a value says. Raises `ArgumentError`, naming it, for one out of range."""
        shape = tuple(values[self.of].shape)
        if self.dim >= len(shape):
            raise ModelError(f"{self.name!r} is dimension {self.dim} of {self.of!r} of {shape}")
        given = int(shape[self.dim])
        number, rest = divmod(given - self.offset, self.factor)
        if rest:
            raise ArgumentError(
                f"dimension {self.dim} of {self.of!r} is {given}; it must be {self._formula}"
            )
        if number < self.least or (self.most is not None and number > self.most):
            of = "" if (self.factor, self.offset) == (1, 0) else f" ({given} is {self._formula})"
            raise ArgumentError(
                f"{self.name} is {number}, from dimension {self.dim} of {self.of!r}{of}; "
                f"it must be {self.range_text}"
            )
        return number

    @property
    def range_text(self) -> str:
        if self.most is None:
            return f"at least {self.least}"
        return f"from {self.least} to {self.most}"

    @property
    def _formula(self) -> str:
        text = self.name if self.factor == 1 else f"{self.factor} * {self.name}"
        return text if not self.offset else f"{text} + {self.offset}"


@dataclass(frozen=True, slots=True)
class Relation:
    """Something that the sizes must satisfy besides their ranges."""

    comparison: str
    left: Expression
    right: Expression

    @classmethod
    def parse(cls, field: Field, names: frozenset[str]) -> Relation:
        items = field.items()
        if len(items) != 3 or items[0].text() not in _COMPARISONS:
            raise field.refuse(f"one of {', '.join(_COMPARISONS)} and two expressions")
        left, right = (Expression.parse(item, names) for item in items[1:])
        return cls(items[0].text(), left, right)

    def check(self, sizes: Mapping[str, int]) -> None:
        """Raises `ArgumentError` where it does not hold."""
        if _COMPARISONS[self.comparison](self.left.at(sizes), self.right.at(sizes)):
            return
        names = self.left.names() | self.right.names()
        known = ", ".join(f"{name} is {sizes[name]}" for name in sorted(names))
        raise ArgumentError(
            f"the sizes must be so that {self.left} {self.comparison} {self.right}; {known}"
        )


_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def sizes_of(sizes: Iterable[Size], values: Mapping[str, Any]) -> dict[str, int]:
    """Every size whose value is there."""
    return {size.name: size.given_by(values) for size in sizes if size.of in values}


def check_dims(name: str, shape: Iterable[int], dims: Dims, sizes: Mapping[str, int]) -> None:
    """Raises `ArgumentError` where a dimension is not what the other arguments say it must be."""
    for position, (given, expected) in enumerate(zip(shape, dims, strict=True)):
        wanted = expected.at(sizes)
        if given != wanted:
            known = ", ".join(f"{one} is {sizes[one]}" for one in sorted(expected.names()))
            raise ArgumentError(
                f"dimension {position} of {name!r} is {given}; it must be {expected}, "
                f"which is {wanted} ({known})"
            )


def dims_of(field: Field, names: frozenset[str], rank: int) -> Dims | None:
    """The ``dims`` of an entry with free dimensions; None for one without."""
    if "dims" not in field:
        return None
    dims = tuple(Expression.parse(item, names) for item in field["dims"].items())
    if len(dims) != rank:
        raise field["dims"].refuse(f"{rank} expressions")
    return dims


_OPERATORS: dict[str, Callable[..., int]] = {
    "+": lambda *given: sum(given),
    "*": lambda *given: math.prod(given),
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "min": lambda *given: min(given),
    "max": lambda *given: max(given),
    # As torch computes sizes by a scale: in float64, and cut off.
    "scaled": lambda size, factor: int(size * factor),
}


def _tree(field: Field, names: frozenset[str], depth: int) -> _Tree:
    if field.is_list():
        items = field.items()
        name = items[0].text() if items else ""
        fits = len(items) == 3 or (len(items) > 1 and name not in ("//", "%", "scaled"))
        if name not in _OPERATORS or not fits or depth == 0:
            raise field.refuse(f"one of {', '.join(_OPERATORS)} and its operands")
        if name == "scaled":
            factor = items[2].number()
            if not 0 <= factor < 2**31:
                raise items[2].refuse("a factor from 0 to 2^31")
            return (name, _tree(items[1], names, depth - 1), factor)
        return (name, *(_tree(item, names, depth - 1) for item in items[1:]))
    if field.is_text():
        if field.text() not in names:
            raise field.refuse(f"one of the sizes {', '.join(sorted(names))}")
        return field.text()
    return field.integer(*_INT64)


def _value(tree: _Tree, sizes: Mapping[str, int]) -> int:
    if isinstance(tree, (int, float)):
        return tree  # type: ignore[return-value]  # a factor, for "scaled" alone
    if isinstance(tree, str):
        return sizes[tree]
    return int(_OPERATORS[tree[0]](*(_value(one, sizes) for one in tree[1:])))


def _names(tree: _Tree) -> set[str]:
    if isinstance(tree, tuple):
        return set().union(*map(_names, tree[1:]))
    return {tree} if isinstance(tree, str) else set()


def _text(tree: _Tree) -> str:
    if not isinstance(tree, tuple):
        return str(tree)
    name, *operands = tree
    texts = [_text(one) for one in operands]
    if name in ("min", "max"):
        return f"{name}({', '.join(texts)})"
    if name == "scaled":
        return f"int({' * '.join(texts)})"
    return f"({f' {name} '.join(texts)})"
