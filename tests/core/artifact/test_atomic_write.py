"""Files appear whole or not at all: whatever fails, and whenever the program is killed."""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from nnapi_core.artifact.atomic_write import check_writable, written_whole
from nnapi_core.errors import ConversionError
from tests.faults.injected import every_fault, fault_library, was_killed

OLD, NEW = b"old " * 100, b"the new one " * 5000


def save(path: Path, content: bytes = NEW) -> None:
    with written_whole(path) as temporary:
        temporary.write_bytes(content)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o664, 0o755])
def test_a_file_keeps_its_mode(mode: int, tmp_path: Path) -> None:
    target = tmp_path / "m.bin"
    target.write_bytes(OLD)
    target.chmod(mode)
    save(target)
    assert (target.read_bytes(), mode_of(target)) == (NEW, mode)


def test_a_new_file_has_the_mode_that_the_system_gives(tmp_path: Path) -> None:
    (tmp_path / "like").touch()
    save(tmp_path / "m.bin")
    assert mode_of(tmp_path / "m.bin") == mode_of(tmp_path / "like")


def test_the_mask_of_the_process_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It belongs to all threads: one that makes a file meanwhile must not get another mode."""

    def changed(mask: int) -> int:
        raise AssertionError(f"umask({mask:o})")

    monkeypatch.setattr(os, "umask", changed)
    save(tmp_path / "m.bin")


def test_what_a_link_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    target = tmp_path / "inner" / "m.bin"
    target.write_bytes(OLD)
    link, second = tmp_path / "link.bin", tmp_path / "second.bin"
    link.symlink_to(target)
    second.symlink_to(link)
    save(second)
    assert second.is_symlink()
    assert link.is_symlink()
    assert target.read_bytes() == NEW
    dangling = tmp_path / "dangling.bin"
    dangling.symlink_to(tmp_path / "inner" / "made.bin")
    save(dangling)
    assert (tmp_path / "inner" / "made.bin").read_bytes() == NEW


def obstacles(folder: Path) -> dict[str, Path]:
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe.bin")
    (folder / "a").symlink_to(folder / "b")
    (folder / "b").symlink_to(folder / "a")
    (folder / "file").touch()
    return {
        "the folder does not exist": folder / "no" / "m.bin",
        "is a folder": folder / "folder",
        "a device or a pipe": folder / "pipe.bin",
        "Too many levels": folder / "a",
        "Not a directory": folder / "file" / "m.bin",
        "too long": folder / ("n" * 300),
        "null byte": folder / "a\0b.bin",
        "surrogates": folder / "a\ud800.bin",
    }


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    for said, path in obstacles(tmp_path).items():
        before = sorted(tmp_path.rglob("*"))
        for function in (save, check_writable):
            with pytest.raises(ConversionError, match=said) as raised:
                function(path)
            assert ascii(path.name)[1:-1] in ascii(str(raised.value)).replace("\\\\", "\\")
        assert sorted(tmp_path.rglob("*")) == before


def test_a_name_as_long_as_may_be(tmp_path: Path) -> None:
    save(tmp_path / f"{'n' * 251}.bin")


def test_threads_that_save_to_one_name(tmp_path: Path) -> None:
    target = tmp_path / "m.bin"
    contents = [bytes([number]) * 200_000 for number in range(8)]

    def again(content: bytes) -> None:
        for _ in range(10):
            save(target, content)

    threads = [threading.Thread(target=again, args=(one,)) for one in contents]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        if target.exists():
            assert target.read_bytes() in contents
    for thread in threads:
        thread.join()
    assert os.listdir(tmp_path) == ["m.bin"]


SCRIPT = """
from pathlib import Path
from nnapi_core.artifact.atomic_write import written_whole
from nnapi_core.errors import ConversionError
try:
    with written_whole({target!r}) as temporary, open(temporary, "wb", buffering=0) as file:
        rest = memoryview({new!r})
        while rest:
            rest = rest[file.write(rest[:20_000]):]
except ConversionError as error:
    print("struck:", error)
else:
    print("written")
"""


@pytest.mark.parametrize("kind", ["kill", "short", str(errno.ENOSPC), str(errno.EIO)])
def test_the_old_file_or_the_new_one(kind: str, tmp_path: Path) -> None:
    """Each call on the folder is struck in turn."""
    library, folder = fault_library(tmp_path), tmp_path / "here"
    folder.mkdir()
    target = folder / "m.bin"
    seen = set()
    script = SCRIPT.format(target=str(target), new=NEW)
    target.write_bytes(OLD)
    for done in every_fault(library, folder, kind, script):
        content = target.read_bytes()
        assert content in (OLD, NEW)
        seen.add(content)
        if kind == "kill":
            assert was_killed(done) or done.stdout == "written\n", done.stderr
        else:
            assert done.returncode == 0, done.stderr
            if "struck" in done.stdout:
                assert f"{target} cannot be written" in done.stdout
            else:
                assert content == NEW
            left = [name for name in os.listdir(folder) if name != "m.bin"]
            # The call that removes it is struck, too.
            assert len(left) <= 1
        for name in os.listdir(folder):
            (folder / name).unlink()
        target.write_bytes(OLD)
    assert NEW in seen
    assert OLD in seen or kind == "short"


@pytest.mark.parametrize("suffix", [".nnapi", ".pt", ".ptl"])
def test_artifacts_on_a_full_disk(suffix: str, tmp_path: Path) -> None:
    """A limit on the size of files is what every user may set; torch's own writer would end the process."""
    import subprocess
    import sys

    script = f"""
import resource, torch, nnapi_core
from torch import nn
converted = nnapi_core.convert(nn.Linear(128, 128).eval(), (torch.ones(1, 128),))
path = {str(tmp_path / "m")!r} + {suffix!r}
converted.save(path)
old = open(path, "rb").read()
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    converted.save(path)
except nnapi_core.ConversionError as error:
    assert path in str(error), error
    print("refused")
assert open(path, "rb").read() == old
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stdout == "refused\n", done.stderr
    assert os.listdir(tmp_path) == [f"m{suffix}"]
