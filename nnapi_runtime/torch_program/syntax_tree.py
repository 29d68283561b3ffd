"""What a torch program's text says: a function of tensors, its statements, their expressions."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias


class Name(NamedTuple):
    """A local variable."""

    name: str


class Number(NamedTuple):
    """A literal: None, a truth, a number within 64 bits, a complex one, or a word of plain characters."""

    value: bool | int | float | complex | str | None


class Torch(NamedTuple):
    """``torch.float32`` and the like, without ``torch.``."""

    name: str


class Item(NamedTuple):
    """``source[place]``."""

    source: Expression
    place: int


class Infix(NamedTuple):
    """``(left sign right)``, of numbers or of truths."""

    sign: str
    left: Expression
    right: Expression


class Method(NamedTuple):
    """``source.name(…)``: ``size`` with a dimension, ``contiguous``, ``to`` with a dtype."""

    source: Expression
    name: str
    argument: Expression | None


class Call(NamedTuple):
    """A call of a function of numbers (``numbers.FUNCTIONS``, ``min``, ``max``), or of something of torch."""

    function: str
    positional: tuple[Expression, ...]
    keywords: tuple[tuple[str, Expression], ...]


class Listed(NamedTuple):
    """A list; ``kind`` is the type that ``torch.jit.annotate`` gives it, None where it says none."""

    items: tuple[Expression, ...]
    kind: str | None


Expression: TypeAlias = Name | Number | Torch | Item | Infix | Method | Call | Listed


class Assign(NamedTuple):
    """Several names at once: all values are computed before the first is assigned."""

    line: int
    names: tuple[str, ...]
    values: tuple[Expression, ...]


class If(NamedTuple):
    line: int
    condition: Expression
    holds: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]


class While(NamedTuple):
    line: int
    condition: str
    body: tuple[Statement, ...]


Statement: TypeAlias = Assign | If | While


class Function(NamedTuple):
    """``run(…, weights)``: its other parameters, all tensors, what it does, and the tensors that it returns."""

    parameters: tuple[str, ...]
    body: tuple[Statement, ...]
    results: tuple[Expression, ...]
    line: int
    """Of the return."""
