"""Python's arithmetic on numbers as TorchScript text."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch.fx import Node

from nnapi_core.graph.numbers import is_number, kind_of

aten = torch.ops.aten

_INFIX: dict[Any, str] = {
    operator.add: "+", operator.sub: "-", operator.mul: "*", operator.floordiv: "//",
    operator.mod: "%", operator.pow: "**", operator.truediv: "/", operator.eq: "==",
    operator.ne: "!=", operator.lt: "<", operator.le: "<=", operator.gt: ">", operator.ge: ">=",
    operator.and_: "and", operator.or_: "or",
}  # fmt: skip
_FUNCTIONS: dict[Any, str] = {
    torch.sym_min: "min", torch.sym_max: "max", min: "min", max: "max", torch.sym_float: "float",
    float: "float", torch.sym_int: "int", int: "int", bool: "bool", math.trunc: "int",
    math.floor: "math.floor", math.ceil: "math.ceil", math.sqrt: "math.sqrt", math.exp: "math.exp",
    math.log: "math.log", abs: "abs", operator.abs: "abs", operator.neg: "-", operator.pos: "",
    torch.sym_not: "not ", operator.not_: "not ", torch.sym_sqrt: "math.sqrt", round: "round",
}  # fmt: skip
_ITEMS = {aten._local_scalar_dense.default, aten.item.default}
# What gives another type there than in Python.
_RETYPED = {operator.pow, math.floor, math.ceil, round, *_ITEMS}


def is_arithmetic(node: Node) -> bool:
    """Can `number_text` say it?"""
    target: Any = node.target
    if target in _ITEMS:
        return is_number(node)
    return target in _INFIX or target in _FUNCTIONS or target is aten.sym_size.int


def number_text(node: Node, arguments: Sequence[str]) -> str:
    """The expression for a number, of those for what it is computed from."""
    target: Any = node.target
    if target is aten.sym_size.int:
        return f"{arguments[0]}.size({arguments[1]})"
    if target in _ITEMS:
        text = arguments[0]
    elif target in _INFIX:
        text = f" {_INFIX[target]} ".join(arguments)
    else:
        text = f"{_FUNCTIONS[target]}({', '.join(arguments)})"
    if target in _RETYPED and is_number(node):
        return f"{kind_of(node).__name__}({text})"
    return f"({text})"
