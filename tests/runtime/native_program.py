"""Compiles programs of tests/runtime/native against the libraries that Python uses."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import nnapi_runtime

NATIVE = Path(__file__).parent / "native"
INCLUDE = Path(nnapi_runtime.__file__).parent / "include"


def torch_nnapi_library() -> Path:
    """Of the C API: beside our NNAPI library."""
    return nnapi_runtime.host_library().resolve().parent / "libtorch_nnapi.so"


def compiled(source: str, folder: Path) -> Path:
    """The program, which runs .nnapi files through the C API."""
    is_c = source.endswith(".c")
    compiler = shutil.which("cc" if is_c else "c++")
    if compiler is None:
        pytest.skip("no compiler is installed here, to build a program against the C API")
    library, target = torch_nnapi_library(), folder / Path(source).stem
    language = ["-std=c99", "-D_POSIX_C_SOURCE=200809L"] if is_c else ["-std=c++17"]
    command = [compiler, *language, "-Wall", "-Wextra", "-Werror", "-O1", f"-I{INCLUDE}"]
    command += [str(NATIVE / source), str(library), f"-Wl,-rpath,{library.parent}", "-pthread"]
    subprocess.run([*command, "-o", str(target)], check=True)
    return target
