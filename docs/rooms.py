"""The rooms of the house, which are its folders, and who imports whom: the picture of docs/architecture.md."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.core.test_import_floor import imports, modules
from tests.core.test_include_floor import SOURCES, includes_of

ROOT = Path(__file__).parents[1]
PACKAGES = ("nnapi_core", "nnapi_ops", "nnapi_runtime")
Uses = dict[str, set[str]]  # by room, what its files import

BEGIN, END = "<!-- drawn by make docs -->\n", "<!-- end -->\n"


def rooms() -> list[str]:
    """Every folder of the packages that holds files."""
    listed = subprocess.run(
        ["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return sorted({name.rpartition("/")[0] for name in listed.stdout.splitlines()})


def python_uses(package: str) -> Uses:
    """Between the rooms of a package, by import. Its own folder is left out, which is everybody's door."""
    found: Uses = {}
    for path in modules(package):
        room = _floor(path.parent)
        if room != package:
            others = {_room_of(name) for name, _ in imports(path) if name.startswith(package)}
            found.setdefault(room, set()).update(others - {room, package})
    return found


def cpp_uses() -> Uses:
    """Between the rooms of the C++ sources, by include; `ops` and `kernels` as wholes."""
    found: Uses = {}
    for file, others in includes_of(SOURCES).items():
        room = _cpp_room(file)
        found.setdefault(room, set()).update({_cpp_room(one) for one in others} - {room})
    return found


def drawing() -> str:
    """All of them, downwards, as mermaid draws it; what is reached through another room has no arrow of its own."""
    lines = ["```mermaid", "graph TD"]
    for house, uses in (
        ("nnapi_core", python_uses("nnapi_core")),
        ("nnapi_ops", python_uses("nnapi_ops")),
        ("nnapi_runtime/src", cpp_uses()),
    ):
        lines += [f'  subgraph {_id(house)}["{house}"]']
        lines += [f'    {_id(room)}["{room.removeprefix(house)[1:]}"]' for room in sorted(uses)]
        for room, below in sorted(_reduced(uses).items()):
            lines += [f"    {_id(room)} --> {_id(other)}" for other in sorted(below)]
        lines.append("  end")
    return "\n".join([*lines, "```"]) + "\n"


def _id(room: str) -> str:
    return room.replace("/", "_")


def with_drawing(page: str) -> str:
    """The page with the picture as it is now."""
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + drawing() + END + rest.partition(END)[2]


def _room_of(name: str) -> str:
    path = ROOT / name.replace(".", "/")
    return _floor(path if path.is_dir() else path.parent)


def _floor(folder: Path) -> str:
    """A folder's room; the opset is data of the one that it stands in."""
    return folder.relative_to(ROOT).as_posix().removesuffix("/opset")


def _cpp_room(file: str) -> str:
    parts = file.split("/")[:-1]
    return "nnapi_runtime/src/" + "/".join(parts[: 2 if parts[0] == "host" else 1])


def _reduced(uses: Mapping[str, Iterable[str]]) -> Uses:
    """Without the arrows that others make already. There is no circle."""

    def reached(room: str) -> set[str]:
        return set().union(*({one} | reached(one) for one in uses.get(room, ())))

    return {
        room: {one for one in below if not any(one in reached(two) for two in below)}
        for room, below in ((room, set(others)) for room, others in uses.items())
    }
