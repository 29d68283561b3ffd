"""Runs converted models on an NNAPI library: a phone's, or the whole one that this brings along.

Errors are `NnapiError` or one of its kinds; nothing else escapes for bad files or arguments.
"""

from __future__ import annotations

from os import PathLike

from nnapi_runtime._loader import Executor, host_library
from nnapi_runtime.bound import Bound
from nnapi_runtime.errors import (
    ArgumentError,
    FallbackWarning,
    LibraryError,
    ModelError,
    NnapiError,
)
from nnapi_runtime.nnapi_file import read_file
from nnapi_runtime.session import Session

__all__ = [
    "ArgumentError",
    "Bound",
    "Executor",
    "FallbackWarning",
    "LibraryError",
    "ModelError",
    "NnapiError",
    "Session",
    "host_library",
    "load",
]


def load(
    path: str | PathLike[str],
    num_threads: int | None = None,
    *,
    library: str | PathLike[str] | None = None,
    loop_timeout: float | None = None,
    cache_dir: str | PathLike[str] | None = None,
) -> Session:
    """The model in a .nnapi file, ready to be called. Its weights are mapped, not copied.

    ``num_threads`` is a limit, None means all cores. ``library`` names the NNAPI library; without
    it NNAPI_LIBRARY does, else it is `host_library()`. ``loop_timeout`` is the seconds that a loop may take;
    None is NNAPI's default of 2.

    In ``cache_dir``, which is made if need be, the library keeps what compiling made of this very file, so that
    it is loaded the next time (for ours: packed weights, mapped).

    Where the library is missing or refuses the model, it runs in torch, with a `FallbackWarning`.
    """
    file = read_file(path)
    return Session(
        file.manifest,
        file.models,
        file.weights,
        file.torch_programs,
        library=library,
        num_threads=num_threads,
        loop_timeout=loop_timeout,
        cache_dir=cache_dir,
        name=str(path),
    )
