"""Nothing half-written: a file appears whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nnapi_core.errors import ConversionError

# What a folder's file system answers that has nothing to synchronise.
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF}


@contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path beside ``path``, renamed to it when the body ends well, removed when it raises.

    The file that is there keeps its mode; where ``path`` is a symbolic link, what it leads to is replaced. The new
    file is on the disk, not only in its cache, before it takes the old one's place: whatever stops the program, or the
    machine, one of the two is there, whole. Raises `ConversionError`, which names ``path``, for all that the system
    refuses.
    """
    with refused_by_system(path):
        target = _target(path)
        temporary = _created(target)
    try:
        with refused_by_system(path):
            yield temporary
            _sync(temporary)
            _keep_mode(target, temporary)
            os.replace(temporary, target)
            _sync_folder(target.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_texts(path: str | os.PathLike[str], texts: Iterable[str]) -> None:
    """A file of these texts, one after the other, in UTF-8. Raises as `written_whole` does."""
    with written_whole(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.writelines(texts)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Before long work. Raises `ConversionError` where `written_whole` would at once."""
    with refused_by_system(path):
        _target(path)


@contextmanager
def refused_by_system(path: str | os.PathLike[str]) -> Iterator[None]:
    """What the system says of a file that is written becomes a `ConversionError` that names ``path``."""
    try:
        yield
    except OSError as error:
        raise ConversionError(f"{path} cannot be written: {_said(error)}") from error
    except ValueError as error:
        # A path with a NUL, or with half of a surrogate pair.
        if not _is_of_path(error, path):
            raise
        raise ConversionError(f"{str(path)!r} is no path: {error}") from error


def _said(error: OSError) -> str:
    return error.strerror or str(error)


def _is_of_path(error: ValueError, path: str | os.PathLike[str]) -> bool:
    try:
        os.lstat(path)
    except ValueError as again:
        return str(again) == str(error)
    except OSError:
        return False
    return False


def _target(path: str | os.PathLike[str]) -> Path:
    """The file to be written, behind symbolic links. Raises `OSError`, and `ConversionError` for what is no file."""
    with suppress(FileNotFoundError):
        os.lstat(path)
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    if target.is_dir():
        raise ConversionError(f"{path} is a folder; give the name of a file")
    if target.exists():
        if not target.is_file():
            raise ConversionError(f"{path} is a device or a pipe, not a file")
        if not os.access(target, os.W_OK):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    elif not target.parent.is_dir():
        raise ConversionError(f"{path} cannot be written: the folder does not exist")
    return target


def _created(target: Path) -> Path:
    """An empty file beside ``target``, with the mode that the system gives a new one. The name stays short."""
    while True:
        temporary = target.with_name(f".{secrets.token_hex(8)}{target.suffix[:16]}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            os.close(os.open(temporary, flags, 0o666))
        except FileExistsError:
            continue
        return temporary


def _keep_mode(target: Path, temporary: Path) -> None:
    try:
        old = target.stat()
    except FileNotFoundError:
        return
    new = temporary.stat()
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        with suppress(PermissionError):
            os.chown(temporary, old.st_uid, old.st_gid)
    temporary.chmod(stat.S_IMODE(old.st_mode))


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _sync_folder(folder: Path) -> None:
    try:
        _sync(folder)
    except OSError as error:
        if error.errno not in _NO_SYNC and not isinstance(error, PermissionError):
            raise
