"""Writers of one cache file: threads, processes, namespaces whose process ids are the same."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

import nnapi_runtime
from tests.faults.injected import every_fault, fault_library, was_killed
from tests.runtime.c_api import HEADERS
from tests.runtime.weights.test_compilation_cache import TOKEN, convolved, file_in

NATIVE = Path(__file__).parents[1] / "native"
SECONDS = float(os.environ.get("CACHE_WRITERS_SECONDS", "2"))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = nnapi_runtime.host_library().resolve()
    target = tmp_path_factory.mktemp("writers") / "cache_writers"
    command = ["c++", "-std=c++20", "-O1", "-Wall", "-Wextra", f"-I{HEADERS.parent}"]
    command += [str(NATIVE / "cache_writers.cpp"), str(library), f"-Wl,-rpath,{library.parent}"]
    subprocess.run([*command, "-pthread", "-o", str(target)], check=True)
    return target


def namespaces() -> list[str]:
    """What starts a program as process 1 of a namespace of its own, where the machine allows it."""
    words = ["unshare", "--pid", "--fork", "--kill-child"]
    if shutil.which("unshare") and subprocess.run([*words, "true"], check=False).returncode == 0:
        return words
    return []


def test_writers_of_one_token(program: Path, tmp_path: Path) -> None:
    """Two processes of 8 threads each, both with the id 1 where namespaces can be made."""
    words = [*namespaces(), str(program), str(tmp_path), "8", str(SECONDS)]
    if len(words) == 4:
        print("process ids are not equal here: no namespaces can be made")
    running = [
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    looked = 0
    while any(one.poll() is None for one in running):
        looked += whole_files(tmp_path)
        time.sleep(0.001)
    for one in running:
        said, wrong = one.communicate()
        assert one.returncode == 0, wrong
        print(said, end="")
    assert looked > 10
    assert [one.name for one in tmp_path.iterdir()] == [f"{'ab' * 32}.nnapi-cache"]


def whole_files(folder: Path) -> int:
    """How many of them are there; each has the size that its header says."""
    found = 0
    for path in folder.glob("*.nnapi-cache"):
        with open(path, "rb") as file:
            head = file.read(64)
            size = os.fstat(file.fileno()).st_size
        assert len(head) == 64
        assert struct.unpack_from("<8sQQ", head)[2] == size
        found += 1
    return found


def test_the_file_is_for_its_owner(tmp_path: Path) -> None:
    convolved(tmp_path)
    assert file_in(tmp_path).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("where", ["the file", "a temporary of earlier releases"])
def test_planted_links_are_not_followed(where: str, tmp_path: Path) -> None:
    folder, victim = tmp_path / "cache", tmp_path / "victim"
    folder.mkdir()
    victim.write_bytes(b"precious")
    name = f"{TOKEN.hex()}.nnapi-cache"
    planted = folder / (name if where == "the file" else f"{name}.{os.getpid()}")
    planted.symlink_to(victim)
    first = convolved(folder)
    np.testing.assert_array_equal(convolved(folder), first)
    assert victim.read_bytes() == b"precious"
    assert not (folder / name).is_symlink()


def test_what_dead_writers_left_is_removed(tmp_path: Path) -> None:
    import fcntl

    name = f"{TOKEN.hex()}.nnapi-cache"
    for left in (f"{name}.4711", f"{name}.{'0a' * 16}", f"{'11' * 32}.nnapi-cache.{'b' * 32}"):
        (tmp_path / left).write_bytes(b"half")
    others = {f"{name}.backup", "notes.12", f"{name}.d"}
    (tmp_path / f"{name}.d").mkdir()
    for other in others - {f"{name}.d"}:
        (tmp_path / other).write_bytes(b"kept")
    alive = tmp_path / f"{name}.{'c' * 32}"
    with open(alive, "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        convolved(tmp_path)
        assert {one.name for one in tmp_path.iterdir()} == {name, alive.name, *others}


SCRIPT = """
from pathlib import Path
from tests.runtime.weights.test_compilation_cache import convolved
print(float(convolved(Path({folder!r})).sum()))
"""


@pytest.mark.parametrize("kind", ["kill", "short", "28", "5"])
def test_whatever_fails_the_file_is_whole_or_not_there(kind: str, tmp_path: Path) -> None:
    """Killed at every step, ENOSPC, EIO: the result is right, and what is left does no harm."""
    library, folder = fault_library(tmp_path), tmp_path / "cache"
    folder.mkdir()
    plain = tmp_path / "plain"
    plain.mkdir()
    expected = f"{float(convolved(plain).sum())}\n"
    content = file_in(plain).read_bytes()
    place = folder / file_in(plain).name
    for done in every_fault(library, folder, kind, SCRIPT.format(folder=str(folder)), most=40):
        if not (kind == "kill" and was_killed(done)):
            assert (done.returncode, done.stdout) == (0, expected), done.stderr
        if place.exists():
            assert place.read_bytes() == content
        # The next one finds its way, and cleans up.
        place.unlink(missing_ok=True)
        convolved(folder)
        assert [one.name for one in folder.iterdir()] == [place.name]
        place.unlink()
