"""Sizes as expressions of named sizes, in the plain lists that artifacts hold (docs/file_format.md).

An expression is an integer, the name of a size, or a list: an operator and its operands. ``["scaled", size, factor]``
is ``int(size * factor)`` in float64, as torch computes sizes by a scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Expression = int | float | str | list[Any]

_OPERATORS: dict[str, Callable[..., int]] = {
    "+": lambda *given: sum(given),
    "*": lambda *given: math.prod(given),
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "min": min,
    "max": max,
    "scaled": lambda size, factor: int(size * factor),
}


def value_of(expression: Expression, sizes: Mapping[str, int]) -> int:
    """The number that an expression is at the given sizes."""
    if isinstance(expression, (int, float)):
        return expression  # type: ignore[return-value]  # a factor, for "scaled" alone
    if isinstance(expression, str):
        return sizes[expression]
    operator, *operands = expression
    return _OPERATORS[operator](*(value_of(one, sizes) for one in operands))


def text_of(expression: Expression, names: Mapping[str, str] | None = None) -> str:
    """The expression as Python and TorchScript write it; ``names`` are the variables that hold the sizes."""
    if isinstance(expression, float):
        return repr(expression)
    if isinstance(expression, int):
        return str(expression) if expression >= 0 else f"({expression})"
    if isinstance(expression, str):
        return expression if names is None else names[expression]
    operator, *operands = expression
    texts = [text_of(one, names) for one in operands]
    if operator in ("min", "max"):
        # TorchScript's take two.
        text = texts[0]
        for other in texts[1:]:
            text = f"{operator}({text}, {other})"
        return text
    if operator == "scaled":
        return f"int(float({texts[0]}) * {texts[1]})"
    return f"({f' {operator} '.join(texts)})"


def sum_of(terms: Sequence[tuple[int, Expression]], constant: int = 0) -> Expression:
    """``factor * expression + … + constant``, without what adds nothing."""
    parts: list[Expression] = []
    for factor, expression in terms:
        if factor == 1:
            parts.append(expression)
        elif factor != 0:
            parts.append(["*", factor, expression])
    if constant or not parts:
        parts.append(constant)
    return parts[0] if len(parts) == 1 else ["+", *parts]


def named_sizes(expression: Expression) -> set[str]:
    """The sizes that an expression is made of."""
    if isinstance(expression, str):
        return {expression}
    if isinstance(expression, list):
        return set().union(*map(named_sizes, expression[1:]))
    return set()
