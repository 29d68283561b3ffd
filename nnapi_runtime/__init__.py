"""Runs converted models on an NNAPI library: a phone's, or the whole one that this brings along.

Errors are `NnapiError` or one of its kinds; nothing else escapes for bad files or arguments.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from os import PathLike
from typing import Any, Literal

from nnapi_runtime._loader import (
    Bound,
    Device,
    Executor,
    default_library,
    host_library,
    list_devices,
)
from nnapi_runtime.check_options import path_text
from nnapi_runtime.errors import (
    ArgumentError,
    FallbackWarning,
    LibraryError,
    ModelError,
    NnapiError,
)
from nnapi_runtime.nnapi_file import read_file
from nnapi_runtime.session import Fallback, Session

__all__ = [
    "ArgumentError",
    "Bound",
    "Device",
    "Executor",
    "FallbackWarning",
    "LibraryError",
    "ModelError",
    "NnapiError",
    "Session",
    "devices",
    "host_library",
    "load",
]


def devices(library: str | PathLike[str] | None = None) -> list[Device]:
    """The devices of an NNAPI library (as `load` finds it): name, type, version, and feature level of each.

    None where the library cannot tell them, below feature level 29. Raises `LibraryError` where there is no library.
    """
    return list_devices(default_library() if library is None else library)


def load(
    path: str | PathLike[str],
    num_threads: int | None = None,
    *,
    library: str | PathLike[str] | None = None,
    devices: str | Sequence[str] | None = None,
    loop_timeout: float | None = None,
    cache_dir: str | PathLike[str] | None = None,
    timeout: float | None = None,
    memory_limit: int | None = None,
    torch: Literal["checked", "never"] = "checked",
    fallback: Fallback = "torch",
    check_driver: bool = False,
    check_timeout: float | None = None,
) -> Session:
    """The model in a .nnapi file, ready to be called. Its weights are mapped, not copied.

    ``num_threads`` is a limit, None means all cores. ``library`` names the NNAPI library; without
    it NNAPI_LIBRARY does, else it is `host_library()`. ``devices`` are those of the library that may run the
    model, by name, or all of a type: "cpu", "gpu", "npu" (or "accelerator"), "other"; None leaves it to the library.
    One that is not there is an `ArgumentError`, which lists all. ``loop_timeout`` is the seconds that a loop may take;
    None is NNAPI's default of 2. ``timeout`` is the seconds that a call may take, which is looked at between pieces,
    in rounds of loops, and by pieces in torch; None is no limit.

    ``memory_limit`` is the bytes that the results of an NNAPI piece may take, and as much again what our library
    computes between its inputs and results; None is 256 MiB, and 1,000 times the bytes of the file's weights and of
    the piece's inputs.

    In ``cache_dir``, which is made if need be, the library keeps what compiling made of this very file, so that
    it is loaded the next time (for ours: packed weights, mapped).

    Where the library is missing or refuses the model, all of it runs in torch, with a `FallbackWarning`; with
    ``fallback="host"``, what is refused runs on `host_library()`, and `Session.placements` tells; with "none", that is
    an error. Where our library may stand in, it does so as well, from then on, for a driver that fails in a run.

    With ``check_driver`` the library's driver is tried with the model first, in a process of its own: it compiles and
    runs it within ``check_timeout`` seconds (None is 60), and has to give our library's results. One that crashes,
    hangs, fails or is wrong counts as one that refuses the model, and the reason says what it did, in which operation.
    The verdict is kept in ``cache_dir``, for this file and these devices' versions (docs/drivers.md). Nothing is
    checked where our own library runs the model on the processor.

    A session is a context manager, which closes it. It is pickled by the path of its file and these options: unpickled,
    it loads the file again.

    Nothing in a file is executed but NNAPI operations, and operators of torch that only compute: the parts that torch
    runs are text, which is read as data and checked (SECURITY.md). With ``torch="never"`` a file with such parts is
    refused, there is no fallback to torch, and torch is not imported.
    """
    whole = os.path.abspath(path_text(path))
    options: dict[str, Any] = {
        "library": library,
        "devices": devices,
        "num_threads": num_threads,
        "loop_timeout": loop_timeout,
        "cache_dir": cache_dir,
        "timeout": timeout,
        "memory_limit": memory_limit,
        "torch": torch,
        "fallback": fallback,
        "check_file": whole if check_driver else None,
        "check_timeout": check_timeout,
    }
    session = Session.of_file(read_file(path), **options)
    session._origin = whole, options
    return session
