"""The app of examples/libtorch_app, built here: it takes NNAPI where there is one, and torch where not."""

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
from tests.runtime.session.test_fallback import refusing_library

ROOT = Path(__file__).parents[2]


class Mixed(nn.Module):
    """NNAPI, torch, NNAPI."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.linear = nn.Conv2d(3, 8, 3), nn.Linear(8 * 16, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(torch.special.i0(self.conv(x).relu()).flatten(1))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for tool in ("cmake", "c++"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed here, to build a program with libtorch")
    build = tmp_path_factory.mktemp("app")
    configure = ["cmake", "-S", ROOT / "examples" / "libtorch_app", "-B", build]
    configure += [f"-DCMAKE_PREFIX_PATH={torch.utils.cmake_prefix_path}"]
    if shutil.which("ccache"):
        configure += ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"]
    for command in (configure, ["cmake", "--build", build]):
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return build / "app"


def library_folder(kind: str, folder: Path) -> Path:
    """A folder that the dynamic linker is to search, with a library of the name that phones have."""
    folder.mkdir()
    if kind == "whole":
        (folder / "libneuralnetworks.so").symlink_to(nnapi_runtime.host_library())
    elif kind == "refusing":
        shutil.copy(refusing_library(folder), folder / "libneuralnetworks.so")
    return folder


@pytest.mark.parametrize(
    ("library", "method", "said"),
    [
        ("whole", "forward", ""),
        ("none", "forward_cpu", "libneuralnetworks.so"),
        ("refusing", "forward_cpu", "not on NNAPI"),
    ],
)
def test_takes_what_there_is(
    library: str, method: str, said: str, app: Path, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    module, x = Mixed().eval(), torch.randn(1, 3, 6, 6)
    nnapi_core.convert(module, (x,)).save(tmp_path / "model.ptl")
    torch.save(x, tmp_path / "in.pt")
    done = subprocess.run(
        [app, tmp_path / "model.ptl", tmp_path / "in.pt", tmp_path / "out.pt"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LD_LIBRARY_PATH": str(library_folder(library, tmp_path / "lib"))},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == method
    assert said in done.stderr
    with torch.no_grad():
        expected = module(x)
    torch.testing.assert_close(torch.load(tmp_path / "out.pt"), expected, rtol=1e-4, atol=1e-4)
