"""Every operation of the opset is run by a property test, on operands that hypothesis draws."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from nnapi_core.nnapi.opset import ops

NAMES = frozenset(spec.name for spec in ops)


def mentions(tree: ast.AST) -> Iterator[str]:
    """Operations that code names, as ``ops.ADD`` or as ``"ADD"``."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="ops"), attr=name) if name in NAMES:
                yield name
            case ast.Constant(value=str(name)) if name in NAMES:
                yield name


def definitions(module: ast.Module) -> dict[str, ast.stmt]:
    """What the names of a module stand for."""
    found: dict[str, ast.stmt] = {}
    for statement in module.body:
        match statement:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found[name] = statement
            case ast.Assign(targets=targets):
                found |= {
                    target.id: statement for target in targets if isinstance(target, ast.Name)
                }
            case ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = statement
    return found


def reachable(start: ast.stmt, defined: dict[str, ast.stmt]) -> Iterator[ast.stmt]:
    """A test, and what it uses of its module, directly or not."""
    seen, waiting = set(), [start]
    while waiting:
        statement = waiting.pop()
        if id(statement) in seen:
            continue
        seen.add(id(statement))
        yield statement
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and node.id in defined:
                waiting.append(defined[node.id])


def is_property(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.FunctionDef) and any(
        isinstance(node, ast.Name) and node.id == "given"
        for decorator in statement.decorator_list
        for node in ast.walk(decorator)
    )


@cache
def covered() -> frozenset[str]:
    """Operations that property tests of the runtime name."""
    found: set[str] = set()
    for path in sorted(Path(__file__).parents[1].rglob("test_*.py")):
        defined = definitions(ast.parse(path.read_text("utf-8")))
        for statement in filter(is_property, defined.values()):
            for used in reachable(statement, defined):
                found.update(mentions(used))
    return frozenset(found)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_property_test_runs(name: str) -> None:
    assert name in covered(), f"no @given test under tests/runtime names ops.{name}"
