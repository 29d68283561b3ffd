"""C++ includes go downwards only: between the rooms of the runtime, and never in a circle of files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "nnapi_runtime" / "src"

# From the top floor down, one house a list: a file may include its own room and those below it, and
# nothing of another house but the cellar that both stand on. A room is a folder; the longest name
# that fits a file's path is its room.
CLIENT = ["bind", "c_api", "session", "loader", "machine"]
HOST = [
    "host/abi",
    "host/execution",
    "host/program",
    "host/ops",
    "host/ops/linear",
    "host/ops/pooling",
    "host/ops/convolution",
    "host/kernels/row_fusion",
    "host/kernels/selection",
    "host/kernels/recurrent",
    "host/kernels/winograd",
    "host/kernels/depthwise",
    "host/kernels/matmul",
    "host/kernels/reference",
    "host/kernels/convolution",
    "host/kernels/resize",
    "host/kernels",
    "host/kernels/normalisation",
    "host/kernels/copy",
    "host/kernels/simd/x86",
    "host/kernels/simd/arm",
    "host/kernels/simd",
    "host/device",
    "host/model",
    "host/weights",
    "host/arithmetic",
    "host/operation",
    "host/tensor",
    "host/memory",
    "host/threads",
    "host/base",
]
CELLAR = ["json"]
HOUSES = [CELLAR, CLIENT, HOST]

Includes = dict[str, list[str]]  # by file, paths below the sources


def includes_of(sources: Path) -> Includes:
    """What each C++ file below ``sources`` includes of the others there."""
    files = {
        path.relative_to(sources).as_posix(): path
        for path in sorted(sources.rglob("*"))
        if path.suffix in (".h", ".cpp")
    }
    pattern = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
    return {
        name: [other for other in pattern.findall(path.read_text()) if other in files]
        for name, path in files.items()
    }


def room_of(file: str) -> tuple[int, int]:
    """House and floor of a file, counted from the top."""
    places = {
        room: (h, floor) for h, rooms in enumerate(HOUSES) for floor, room in enumerate(rooms)
    }
    folder = file.rpartition("/")[0]
    while folder:
        if folder in places:
            return places[folder]
        folder = folder.rpartition("/")[0]
    raise AssertionError(f"{file} is in no room: give its folder one in {Path(__file__).name}")


def upward(includes: Includes) -> Iterator[str]:
    for file, others in includes.items():
        house, floor = room_of(file)
        for other in others:
            other_house, other_floor = room_of(other)
            below = HOUSES[other_house] is CELLAR and house != other_house
            if not below and (other_house != house or other_floor < floor):
                yield f"{file} includes {other}"


def circle(includes: Includes) -> list[str]:
    """Files that include each other in turn; empty if there are none."""
    done: set[str] = set()

    def search(file: str, path: list[str]) -> list[str]:
        if file in path:
            return [*path[path.index(file) :], file]
        if file in done:
            return []
        for other in includes[file]:
            if found := search(other, [*path, file]):
                return found
        done.add(file)
        return []

    return next((found for file in includes if (found := search(file, []))), [])


def test_includes_go_downwards() -> None:
    assert not list(upward(includes_of(SOURCES)))


def test_files_do_not_include_each_other_in_a_circle() -> None:
    assert not circle(includes_of(SOURCES))


def test_every_include_of_a_room_is_of_a_file_that_exists() -> None:
    """Else a misspelt path would be no include at all to the tests above."""
    tops = tuple({room.split("/")[0] + "/" for house in HOUSES for room in house})
    missing = [
        f"{path.relative_to(SOURCES)} includes {name}"
        for path in SOURCES.rglob("*")
        if path.suffix in (".h", ".cpp")
        for name in re.findall(r'#include "([^"]+)"', path.read_text())
        if name.startswith(tops) and not (SOURCES / name).exists()
    ]
    assert not missing


@pytest.mark.parametrize(
    ("file", "include", "fault"),
    [
        (
            "host/base/error.h",
            "host/abi/handles.h",
            "host/base/error.h includes host/abi/handles.h",
        ),
        ("host/ops/pooling/pool.cpp", "host/ops/linear/matmul.h", "includes host/ops/linear"),
        (
            "host/kernels/simd/loops.h",
            "host/kernels/matmul/tiles.h",
            "includes host/kernels/matmul",
        ),
        ("loader/model_words.h", "bind/arrays.h", "loader/model_words.h includes bind/arrays.h"),
        (
            "loader/model_words.h",
            "host/base/error.h",
            "loader/model_words.h includes host/base/error.h",
        ),
        ("json/field.h", "session/json.h", "json/field.h includes session/json.h"),
    ],
)
def test_an_upward_include_is_found(tmp_path: Path, file: str, include: str, fault: str) -> None:
    write(tmp_path, file, include)
    write(tmp_path, include)
    (found,) = upward(includes_of(tmp_path))
    assert fault in found


@pytest.mark.parametrize(
    ("file", "include"),
    [
        ("host/abi/handles.h", "host/base/error.h"),
        ("host/device/device.h", "json/field.h"),
        ("session/json.h", "json/field.h"),
    ],
)
def test_a_downward_include_is_none(tmp_path: Path, file: str, include: str) -> None:
    write(tmp_path, file, include)
    write(tmp_path, include)
    assert not list(upward(includes_of(tmp_path)))
    assert not circle(includes_of(tmp_path))


def test_a_circle_is_found(tmp_path: Path) -> None:
    names = [f"host/base/{letter}.h" for letter in "abc"]
    for name, next_name in zip(names, [*names[1:], names[0]], strict=True):
        write(tmp_path, name, next_name)
    assert set(circle(includes_of(tmp_path))) == set(names)


def test_a_folder_without_a_room_is_found(tmp_path: Path) -> None:
    write(tmp_path, "host/attic/old.h")
    with pytest.raises(AssertionError, match=r"host/attic/old\.h is in no room"):
        list(upward(includes_of(tmp_path)))


def write(sources: Path, file: str, include: str | None = None) -> None:
    (sources / file).parent.mkdir(parents=True, exist_ok=True)
    (sources / file).write_text(f'#include "{include}"\n' if include else "")
