"""The C API (torch_nnapi.h): a C program gives bit for bit what Python gives for the same files."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch.utils import _pytree as pytree

import nnapi_runtime
from tests.runtime.devices.drivers import write_devices
from tests.runtime.native_program import compiled, run_in_c, torch_nnapi_library
from tests.runtime.session.test_stored_files import FILES, FOLDER, NEEDS_TORCH, stored

Array = np.ndarray[Any, Any]


@pytest.fixture(scope="module")
def run_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled("run_file.c", tmp_path_factory.mktemp("native"))


@pytest.mark.parametrize("how", ["run", "into", "bind"])
@pytest.mark.parametrize("name", sorted(set(FILES) - NEEDS_TORCH))
def test_c_gives_what_python_gives(name: str, how: str, run_file: Path, tmp_path: Path) -> None:
    inputs, _ = stored(name)
    model = FOLDER / f"{name}.nnapi"
    results, first = run_in_c([run_file], how, model, inputs, tmp_path)
    given = [one.copy() for one in inputs]
    expected = pytree.tree_leaves(nnapi_runtime.load(model)(*given))
    for result, wanted in zip(results, expected, strict=False):
        if wanted is None:
            assert result is None
        else:
            assert result is not None
            np.testing.assert_array_equal(result, wanted)
            assert result.dtype == np.asarray(wanted).dtype
    if name == "written":  # into its second argument
        np.testing.assert_array_equal(results[-1], given[1])
    else:
        assert len(results) == len(expected)
    if how == "bind" and name in ("mlp", "lstm", "branches"):
        assert first == "direct 1"


def test_a_bad_driver_is_checked_in_c(
    run_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, _ = stored("mlp")
    model = FOLDER / "mlp.nnapi"
    wanted = pytree.tree_leaves(nnapi_runtime.load(model)(*inputs))
    bad = {"name": "npu", "type": "accelerator", "faults": [{"kind": "abort"}]}
    monkeypatch.setenv("NNAPI_HOST_DEVICES", str(write_devices([bad], tmp_path)))
    monkeypatch.setenv("DEVICES", "npu")
    results, _ = run_in_c([run_file], "run", model, inputs, tmp_path)
    for result, expected in zip(results, wanted, strict=True):
        np.testing.assert_array_equal(result, expected)


def test_what_needs_torch_says_so(run_file: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [run_file, FOLDER / "five.nnapi", "run", "x", tmp_path / "out"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "torch runs 'torch.1', 'torch.3', and there is no torch here" in done.stderr


def test_only_c_symbols_are_shown() -> None:
    nm = shutil.which("nm")
    if nm is None:
        pytest.skip("nm is not installed here, to list the library's symbols")
    listed = subprocess.run(
        [nm, "-D", "--defined-only", torch_nnapi_library()], capture_output=True, text=True, check=True
    )  # fmt: skip
    names = {line.split()[-1].split("@")[0] for line in listed.stdout.splitlines()}
    assert {name for name in names if not name.startswith("torch_nnapi_")} == set()
    library = ctypes.CDLL(str(torch_nnapi_library()))
    assert library.torch_nnapi_version() // 1000 == 1
