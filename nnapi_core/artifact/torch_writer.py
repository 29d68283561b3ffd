"""Lets torch write a file without ending the process where the disk is full.

The destructor of torch's writer of archives throws when a write has failed, which C++ answers with an abort. So the
room that a file needs is reserved before, where the system can say that there is none.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

# What an archive holds besides weights: code, words, its directory. Each weight adds a header and padding.
_OTHERS = 1 << 16


def write_by_torch(save: Callable[[str], None], path: Path, name: str, weights: int) -> None:
    """``save(path)`` by torch's writer, which names the folder in its archive after ``name``.

    ``weights`` is how many bytes of them there are. Raises `OSError` where there is no room for them.
    """
    room = path.with_name(f".room.{path.name}")
    try:
        descriptor = os.open(room, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, weights + _OTHERS)
        finally:
            os.close(descriptor)
    finally:
        room.unlink(missing_ok=True)
    folder = path.with_name(f".torch.{path.name}")
    folder.mkdir(0o700)
    try:
        save(str(folder / name))
        os.replace(folder / name, path)
    finally:
        (folder / name).unlink(missing_ok=True)
        folder.rmdir()
