"""Compiles programs of tests/runtime/native against the libraries that Python uses."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnapi_runtime

NATIVE = Path(__file__).parent / "native"
INCLUDE = Path(nnapi_runtime.__file__).parent / "include"
Array = np.ndarray[Any, Any]


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


def run_in_c(
    command: Sequence[str | Path], how: str, model: Path, inputs: list[Array], folder: Path
) -> tuple[list[Array | None], str]:
    """The results of native/run_file.c, of which ``command`` is the program, and the first line that it printed."""
    names = [folder / f"in{number}" for number in range(len(inputs))]
    for name, array in zip(names, inputs, strict=True):
        name.write_bytes(array.tobytes())
    shapes = "\n".join(" ".join(map(str, (one.ndim, *one.shape))) for one in inputs)
    done = subprocess.run(
        [*command, model, how, *names, folder / "out"],
        input=shapes, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    results: list[Array | None] = []
    lines = [line for line in done.stdout.splitlines() if not line.startswith("direct")]
    for number, line in enumerate(lines):
        dtype, *shape = line.split()
        data = None if dtype == "None" else np.fromfile(folder / f"out{number}", dtype)
        results.append(None if data is None else data.reshape([int(dim) for dim in shape]))
    return results, done.stdout.splitlines()[0]
