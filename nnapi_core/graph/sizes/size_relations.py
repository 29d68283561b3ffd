"""What torch found the sizes must satisfy besides their ranges: that one is even, or half of another."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

import sympy  # type: ignore[import-untyped]
import torch
from attrs import frozen
from torch.export import ExportedProgram

from nnapi_core.errors import Unsupported
from nnapi_core.graph.sizes.free_sizes import size_expression, tree_of
from nnapi_core.nnapi.size_expression import Expression, named_sizes, text_of, value_of

_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Mult: "*", ast.FloorDiv: "//", ast.Mod: "%",
}  # fmt: skip


@frozen
class Relation:
    """``left`` compared with ``right``, which must hold."""

    comparison: str
    left: Expression
    right: Expression

    def holds(self, sizes: Mapping[str, int]) -> bool:
        a, b = value_of(self.left, sizes), value_of(self.right, sizes)
        match self.comparison:
            case "==":
                return a == b
            case "!=":
                return a != b
            case "<":
                return a < b
            case "<=":
                return a <= b
            case ">":
                return a > b
        return a >= b

    def described(self) -> list[Expression]:
        """For the manifest."""
        return [self.comparison, self.left, self.right]

    def __str__(self) -> str:
        return f"{text_of(self.left)} {self.comparison} {text_of(self.right)}"


def relations(exported: ExportedProgram, names: Mapping[sympy.Symbol, str]) -> list[Relation]:
    """What the guards of the program say of its sizes.

    Raises `Unsupported` for one that is not understood.
    """
    inputs = {node.name: node.meta["val"] for node in exported.graph.find_nodes(op="placeholder")}
    found = []
    for text in getattr(exported, "_guards_code", None) or ():
        try:
            for one in _Reader(inputs, names).read(ast.parse(text, mode="eval").body):
                if named_sizes(one.left) | named_sizes(one.right):
                    found.append(one)
        except (KeyError, SyntaxError, _UnknownError):
            raise Unsupported(
                "torch found a relation of the sizes that an artifact cannot say; name the dimensions, "
                "with ranges, as torch.export.Dim",
                relation=text,
            ) from None
    return found


class _UnknownError(Exception):
    pass


class _Reader:
    """Reads ``(L['x'].size()[2] // 2) != 1``."""

    def __init__(
        self, inputs: Mapping[str, torch.Tensor], names: Mapping[sympy.Symbol, str]
    ) -> None:
        self._inputs = inputs
        self._names = dict(names)

    def read(self, node: ast.expr) -> Sequence[Relation]:
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
            return [one for value in node.values for one in self.read(value)]
        if not isinstance(node, ast.Compare):
            raise _UnknownError
        terms = [self._term(one) for one in (node.left, *node.comparators)]
        return [
            Relation(_COMPARISONS[type(op)], a, b)
            for op, a, b in zip(node.ops, terms, terms[1:], strict=False)
        ]

    def _term(self, node: ast.expr) -> Expression:
        match node:
            case ast.Constant(value=int() as number):
                return number
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return ["*", -1, self._term(operand)]
            case ast.BinOp(left=left, op=ast.Sub(), right=right):
                return ["+", self._term(left), ["*", -1, self._term(right)]]
            case ast.BinOp(left=left, op=op, right=right):
                return [_ARITHMETIC[type(op)], self._term(left), self._term(right)]
            case ast.Call(func=ast.Name(id="max" | "min" as name), args=args):
                return [name, *map(self._term, args)]
            case ast.Subscript(
                value=ast.Call(func=ast.Attribute(value=place, attr="size")),
                slice=ast.Constant(value=int() as dim),
            ):
                size = size_expression(self._inputs["_".join(_path(place))].shape[dim])
                found = tree_of(size, self._names)
                if found is not None:
                    return found
        raise _UnknownError


def _path(node: ast.expr) -> list[str]:
    """``L['a'][0]`` is the input ``a_0``."""
    if isinstance(node, ast.Name):
        return []
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return [*_path(node.value), str(node.slice.value)]
    raise _UnknownError
