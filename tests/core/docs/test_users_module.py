"""The module that is checked as a user's names all that is public; mypy, strict, checks it with ours."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import nnapi_core
import nnapi_runtime

HERE = Path(__file__).parent


def test_all_public_names_are_used() -> None:
    nodes = list(ast.walk(ast.parse((HERE / "users_module.py").read_text("utf-8"))))
    used = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    used |= {one.name for node in nodes if isinstance(node, ast.ImportFrom) for one in node.names}
    assert not {*nnapi_core.__all__, *nnapi_runtime.__all__} - used


def test_mypy_is_told_of_it_and_users_that_we_are_typed() -> None:
    root = HERE.parents[2]
    mypy = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["mypy"]
    assert mypy["strict"] and mypy["modules"] == ["tests.core.docs.users_module"]
    for package in mypy["packages"]:
        assert (root / package / "py.typed").is_file()
