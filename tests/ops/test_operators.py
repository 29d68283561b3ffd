"""docs/operators.md names the file of every operator; no file of lowerings is without one."""

from __future__ import annotations

import pytest

from docs.generate import OPERATORS, ROOT, operators

FAMILIES = sorted(path.parent for path in (ROOT / "nnapi_ops").glob("*/__init__.py"))
# Modules that rewrite the torch graph, and lower nothing themselves.
PASSES = {
    "recognise_shuffles.py",
    "recognise_nms_of_fixed_size.py",
    "recognise_complex_pairs.py",
}


def test_the_index_is_fresh() -> None:
    assert operators() == OPERATORS.read_text(), "docs/operators.md is stale, run `make docs`"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda path: path.name)
def test_public_modules_lower_something(family: str) -> None:
    written = OPERATORS.read_text()
    for module in family.glob("[!_]*.py"):
        named = f"(../{module.relative_to(ROOT)})" in written
        assert named is (module.name not in PASSES), module


@pytest.mark.parametrize("folder", ["nnapi_ops", "tests/ops"])
def test_files_are_short_and_folders_small(folder: str) -> None:
    for path in [ROOT / folder, *(ROOT / folder).rglob("*")]:
        if path.is_dir() and path.name != "__pycache__":
            assert len([one for one in path.iterdir() if one.name != "__pycache__"]) <= 25, path
        elif path.suffix == ".py":
            assert len(path.read_text().splitlines()) <= 400, path
