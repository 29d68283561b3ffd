"""What ``run`` and ``bench`` ask of a session: library, devices, the check of a driver."""

from __future__ import annotations

import argparse
from argparse import Namespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnapi_runtime import Session


def add_session_options(parser: argparse.ArgumentParser) -> None:
    """Those of a .nnapi file; `opened` reads them."""
    parser.add_argument(
        "--library",
        metavar="FILE",
        help="the NNAPI library (.nnapi; default: the one that this brings along)",
    )
    parser.add_argument(
        "--device",
        action="append",
        default=[],
        metavar="NAME",
        help="a device of the library that may run the model, by name or type: npu, gpu, cpu; repeat for several",
    )
    parser.add_argument(
        "--cache-dir", metavar="FOLDER", help="where what compiling made is kept for the next time"
    )
    parser.add_argument(
        "--check-driver",
        action="store_true",
        help="try the driver with the model first, in a process of its own; ours runs it where that fails",
    )


def opened(options: Namespace) -> Session:
    """The session of ``options.file``. Raises `NnapiError`."""
    import nnapi_runtime  # the command's words are read without it

    chosen: dict[str, Any] = {}
    if options.library or options.device:
        # Whoever chooses wants to see what the choice takes, and where the rest runs.
        chosen["fallback"] = "host"
    return nnapi_runtime.load(
        options.file,
        num_threads=options.threads,
        library=options.library,
        devices=options.device or None,
        cache_dir=options.cache_dir,
        check_driver=options.check_driver,
        **chosen,
    )
