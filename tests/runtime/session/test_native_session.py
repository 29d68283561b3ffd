"""Sessions in C++: every way to open a file, threads, wrong arguments, damage, and two libraries in one session."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from torch import nn

import nnapi_core
import nnapi_runtime
from tests.runtime.native_program import compiled
from tests.runtime.session.test_stored_files import FOLDER

TANH = 28


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled("session_checks.cpp", tmp_path_factory.mktemp("native"))


def run(*command: str | Path) -> str:
    """What the program prints; it runs without Python, so without torch."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_doors_threads_wrong_arguments_and_damage(program: Path) -> None:
    run(program, FOLDER)


# Ours, but for one operation.
LIMITED = """
#include <dlfcn.h>
#include <stdint.h>

typedef int (*add_operation)(void*, int32_t, uint32_t, const uint32_t*, uint32_t, const uint32_t*);

int ANeuralNetworksModel_addOperation(void* model, int32_t code, uint32_t n_inputs, const uint32_t* inputs,
                                      uint32_t n_outputs, const uint32_t* outputs) {
  if (code == REFUSED) return 4;
  add_operation real = (add_operation)dlsym(dlopen(HOST, RTLD_NOW), "ANeuralNetworksModel_addOperation");
  return real(model, code, n_inputs, inputs, n_outputs, outputs);
}
"""


def limited_library(folder: Path, refused: int) -> Path:
    """Our library but for the operations of code ``refused``."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler is installed here, to make a library that refuses an operation")
    source, library = folder / "limited.c", folder / "liblimited.so"
    source.write_text(LIMITED)
    host = nnapi_runtime.host_library().resolve()
    command = [compiler, "-shared", "-fPIC", f"-DREFUSED={refused}", f'-DHOST="{host}"']
    command += [source, "-Wl,--no-as-needed", host, f"-Wl,-rpath,{host.parent}", "-o", library]
    subprocess.run([*map(str, command)], check=True)
    return library


class Mixed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.linear = nn.Conv2d(3, 4, 3), nn.Linear(4, 6)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y = self.conv(x).tanh()
        pooled = torch.nn.functional.relu(y).mean((2, 3))
        return self.linear(pooled).tanh(), pooled


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("mixed") / "mixed.nnapi"
    nnapi_core.convert(Mixed().eval(), (torch.randn(2, 3, 8, 8),)).save(path)
    return path


def test_half_on_a_library_that_refuses_an_operation(
    program: Path, mixed: Path, tmp_path: Path
) -> None:
    library = limited_library(tmp_path, TANH)
    *placed, error = run(program, mixed.parent, library).splitlines()
    rows = [line.split("|") for line in placed]
    for code, node, source, where, reason in rows:
        refused = int(code) == TANH
        assert refused == (where != str(library)), (node, where)
        assert refused == bool(reason)
        if refused:
            assert "tanh" in node
            assert f"{os.path.basename(__file__)}:" in source
            assert source in reason
            assert "BAD_DATA" in reason
    assert {int(row[0]) == TANH for row in rows} == {True, False}
    node, source = error.split("|")
    assert "tanh" in node
    assert os.path.basename(__file__) in source


def test_python_says_where_operations_run(mixed: Path, tmp_path: Path) -> None:
    library = limited_library(tmp_path, TANH)
    session = nnapi_runtime.load(mixed, library=library, fallback="host", torch="never")
    x = torch.randn(2, 3, 8, 8)
    for result, expected in zip(session(x), nnapi_runtime.load(mixed)(x), strict=True):
        torch.testing.assert_close(result, expected, rtol=0, atol=0)
    refused = [one for one in session.placements if one.reason]
    assert {one.code for one in refused} == {TANH}
    assert {one.library for one in refused} == {str(nnapi_runtime.host_library())}
    with pytest.raises(nnapi_runtime.ArgumentError, match="not one NNAPI piece"):
        session.bound()


def test_all_of_it_on_ours_where_there_is_no_library(mixed: Path) -> None:
    session = nnapi_runtime.load(mixed, library="/no_such.so", fallback="host")
    assert session.fallback is None
    assert all("no_such.so" in one.reason for one in session.placements)
    with pytest.raises(nnapi_runtime.LibraryError, match=r"no_such\.so"):
        nnapi_runtime.load(mixed, library="/no_such.so", fallback="none")
