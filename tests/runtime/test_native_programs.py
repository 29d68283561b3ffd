"""Programs against the C API: many threads, allocations; and threads and processes from Python."""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import nnapi_runtime
from tests.runtime import c_api
from tests.runtime.c_api import HEADERS, good, set_input, set_output

NATIVE = Path(__file__).parent / "native"


def run_program(sources: list[Path], tmp_path: Path) -> str:
    """Builds a program against the host library, runs it, and returns what it prints."""
    library = nnapi_runtime.host_library().resolve()
    target = tmp_path / "program"
    command = ["c++", "-std=c++20", "-O1", "-Wall", "-Wextra", f"-I{HEADERS.parent}"]
    command += [*map(str, sources), str(library), f"-Wl,-rpath,{library.parent}"]
    subprocess.run([*command, "-pthread", "-o", str(target)], check=True)
    run = subprocess.run([target], capture_output=True, text=True, timeout=240, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.parametrize("program", ["threads", "allocations"])
def test_native_program(program: str, tmp_path: Path) -> None:
    run_program([NATIVE / f"{program}.cpp"], tmp_path)


@pytest.mark.parametrize(("program", "least"), [("contract", 2000), ("devices", 400)])
def test_the_public_contract(
    program: str, least: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Function by function, as NNAPI's documentation and Android's tests have it; and on simulated devices."""
    monkeypatch.setenv("NNAPI_HOST_LOG", "0")  # most of it is refusals
    printed = run_program(sorted((NATIVE / program).glob("*.cpp")), tmp_path)
    checks, wrong = (int(number) for number in re.findall(r"\d+", printed))
    assert checks >= least and wrong == 0


def test_python_threads() -> None:
    """Some share a compilation of unknown shapes, with a shape each; some compile their own."""
    model = c_api.adder(0, output=(0,))
    shared = c_api.compile_model(model)

    def compute(count: int) -> None:
        own = c_api.adder(count)
        compilation = c_api.compile_model(own)
        x = np.arange(count, dtype="f4")
        for handle in (compilation, shared) * 5:
            total = np.zeros(count, "f4")
            with c_api.execution(handle) as run:
                assert set_input(run, 0, x, (count,)) == "NO_ERROR"
                assert set_input(run, 1, x, (count,)) == "NO_ERROR"
                assert set_output(run, 0, total) == "NO_ERROR"
                good("Execution_compute", run)
            assert np.array_equal(total, 2 * x)
        c_api.free("Compilation", compilation)
        own.free()

    with ThreadPoolExecutor(8) as pool:
        for result in [pool.submit(compute, count) for count in range(1, 400, 9)]:
            result.result()
    c_api.free("Compilation", shared)
    model.free()


def test_a_forked_child_computes_with_threads_of_its_own() -> None:
    script = """
import os, numpy as np
from tests.runtime import c_api
from tests.runtime.c_api import good, set_input, set_output
model = c_api.adder(500, 700)
compilation = c_api.compile_model(model)
def compute():
    x, total = np.ones((500, 700), "f4"), np.zeros((500, 700), "f4")
    with c_api.execution(compilation) as run:
        set_input(run, 0, x), set_input(run, 1, x), set_output(run, 0, total)
        good("Execution_compute", run)
    return bool((total == 2).all())
assert c_api.library().nnapi_host_set_num_threads(3) is None
assert compute()
child = os.fork()
if child == 0:
    os._exit(0 if compute() else 1)
assert os.waitpid(child, 0)[1] == 0
assert compute()
"""
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", script], cwd=root, timeout=60, check=True)


def test_closing_the_library_leaves_its_threads_alone() -> None:
    script = """
import _ctypes
import numpy as np
from tests.runtime import c_api
from tests.runtime.c_api import good, set_input, set_output
model = c_api.adder(500, 700)
compilation = c_api.compile_model(model)
c_api.library().nnapi_host_set_num_threads(3)
x, total = np.ones((500, 700), "f4"), np.zeros((500, 700), "f4")
with c_api.execution(compilation) as run:
    set_input(run, 0, x), set_input(run, 1, x), set_output(run, 0, total)
    good("Execution_compute", run)
assert (total == 2).all()
_ctypes.dlclose(c_api.library()._handle)
_ctypes.dlclose(c_api.library()._handle)
"""
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", script], cwd=root, timeout=60, check=True)
