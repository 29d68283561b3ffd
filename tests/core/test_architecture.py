"""docs/architecture.md is the plan of this house: every room is on it, and the picture is of the real imports."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from docs.rooms import cpp_uses, python_uses, rooms, with_drawing

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
MOST_FILES = 25
MOST_LINES = 400
SOURCES = (".py", ".c", ".cpp", ".h", ".hpp", ".java", ".kt", ".js", ".css", ".sh", ".cmake")
PROSE = (
    "README",
    "CONTRIBUTING",
    "docs/",
    "nnapi_",
    "benchmarks/",
    "examples/",
    "tools/",
    "android/",
)


def tracked() -> list[str]:
    """Names of the files of the project that are there."""
    command = ["git", "ls-files"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


def test_every_room_is_on_the_page_once() -> None:
    named = re.findall(r"^\| `(nnapi_[a-z]+(?:/[^`.]+)?)` \|", PAGE, re.MULTILINE)
    assert Counter(named) == Counter(rooms())


def test_the_page_sends_nobody_to_what_is_not_there() -> None:
    section = PAGE.partition("## If you want to")[2].partition("## Rooms")[0]
    for row in section.splitlines():
        folder = ROOT
        goal = row.rstrip(" |").rpartition(" | ")[2]
        for name in re.findall(r"`([\w./]+)`|(docs/\w+\.md)", goal):
            place = name[0] or name[1]
            # Names after the first of a row are beside it.
            found = [one / place for one in (ROOT, folder) if (one / place).exists()]
            assert found, f"{place} is not there: {row}"
            folder = found[0] if found[0].is_dir() else found[0].parent


def test_no_page_and_no_comment_names_a_file_that_is_gone() -> None:
    """Paths from the root or from a package's own folder; torch's sources, which some name, begin with aten/."""
    names = tracked()
    known = {
        "/".join(parts[i:])
        for parts in (name.split("/") for name in names)
        for i in range(len(parts))
    }
    named = re.compile(r"[`( ]((?:[\w-]+/)+[\w-]+\.(?:py|cpp|h|md|csv))\b(?!/)")
    gone = [
        f"{name}: {path}"
        for name in names
        if name.startswith(PROSE) and name.endswith((".md", *SOURCES))
        for path in named.findall((ROOT / name).read_text())
        if path not in known and not path.startswith(("aten/", "path/"))
    ]
    assert not gone


def test_the_picture_is_of_the_real_imports() -> None:
    assert with_drawing(PAGE) == PAGE, "make docs PAGES=architecture"


@pytest.mark.parametrize("package", ["nnapi_core", "nnapi_ops", "nnapi_runtime"])
def test_rooms_import_one_way(package: str) -> None:
    TopologicalSorter(python_uses(package)).prepare()


def test_rooms_include_one_way() -> None:
    TopologicalSorter(cpp_uses()).prepare()


def test_folders_and_files_are_small() -> None:
    """Everywhere, tests and tools too; a folder counts the code in it, not data."""
    files = [ROOT / name for name in tracked() if name.endswith(SOURCES)]
    assert {one.parts[0] for one in (path.relative_to(ROOT) for path in files)} >= {
        "tests",
        "tools",
    }
    folders = Counter(path.parent for path in files)
    assert not {folder: count for folder, count in folders.items() if count > MOST_FILES}
    lines = {path: len(path.read_text().splitlines()) for path in files}
    # NNAPI's own header is as long as NNAPI.
    long = [path for path, count in lines.items() if count > MOST_LINES]
    assert [path.name for path in long] == ["neural_networks.h"]
