"""Where no NNAPI library runs a model, torch does, and says so."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import nnapi_core
import nnapi_runtime
from nnapi_runtime import FallbackWarning


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.linear = nn.Conv2d(3, 8, 3), nn.Linear(8 * 16, 5)

    def forward(self, x: torch.Tensor) -> dict[str, Any]:
        image = torch.special.i0(self.conv(x).relu())
        return {"scores": self.linear(image.flatten(1)), "image": image}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, torch.Tensor, Path]:
    torch.manual_seed(0)
    module, x = Net().eval(), torch.randn(1, 3, 6, 6)
    path = tmp_path_factory.mktemp("fallback") / "net.nnapi"
    nnapi_core.convert(module, (x,)).save(path)
    return module, x, path


def test_without_a_library(model: tuple[nn.Module, torch.Tensor, Path]) -> None:
    module, x, path = model
    with pytest.warns(FallbackWarning, match=r"net\.nnapi: runs in torch.*no_such\.so") as caught:
        session = nnapi_runtime.load(path, library="/no_such.so")
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert "no_such.so" in (session.fallback or "")
    with torch.no_grad():
        expected = module(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it is said once
        torch.testing.assert_close(session(x), expected, rtol=1e-4, atol=1e-4)
        as_arrays = session(x.numpy())
    assert isinstance(as_arrays["scores"], np.ndarray)
    assert [cost.origin.node for cost in session.profile(x)] == ["torch.cpu"]
    on_nnapi = nnapi_runtime.load(path)
    assert on_nnapi.fallback is None
    torch.testing.assert_close(on_nnapi(x), expected, rtol=1e-4, atol=1e-4)


# A library that is whole, and refuses every model.
REFUSING = """
int ANeuralNetworksModel_finish(void* model) {{ return {code}; }}
"""
BAD_DATA = 4


def test_a_library_that_refuses_the_model(
    model: tuple[nn.Module, torch.Tensor, Path], tmp_path: Path
) -> None:
    library = refusing_library(tmp_path)
    module, x, path = model
    with pytest.warns(FallbackWarning, match="ANeuralNetworksModel_finish: BAD_DATA"):
        session = nnapi_runtime.load(path, library=library)
    with torch.no_grad():
        torch.testing.assert_close(session(x), module(x), rtol=1e-4, atol=1e-4)


# OUT_OF_MEMORY, UNMAPPABLE, missed deadlines, exhausted resources, DEAD_OBJECT.
@pytest.mark.parametrize("code", [1, 7, 10, 11, 12, 13, 14])
def test_what_may_pass_is_no_refusal(
    model: tuple[nn.Module, torch.Tensor, Path], tmp_path: Path, code: int
) -> None:
    library = refusing_library(tmp_path, code)
    with pytest.raises(nnapi_runtime.NnapiError, match="ANeuralNetworksModel_finish: ") as raised:
        nnapi_runtime.load(model[2], library=library)
    assert raised.value.code is not None


def refusing_library(folder: Path, code: int = BAD_DATA) -> Path:
    """Our library but for one function."""
    import shutil

    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler is installed here, to make a library that refuses models")
    source = folder / "refusing.c"
    source.write_text(REFUSING.format(code=code))
    library = folder / "librefusing.so"
    host = nnapi_runtime.host_library()
    command = [compiler, "-shared", "-fPIC", source, "-Wl,--no-as-needed", host]
    command += [f"-Wl,-rpath,{host.parent}", "-o", library]
    subprocess.run([*map(str, command)], check=True)
    return library


def test_a_damaged_file_is_no_reason_to_fall_back(
    model: tuple[nn.Module, torch.Tensor, Path], tmp_path: Path
) -> None:
    data = bytearray(model[2].read_bytes())
    data[-5] ^= 1
    (tmp_path / "damaged.nnapi").write_bytes(data)
    with pytest.raises(nnapi_runtime.ModelError, match="damaged"):
        nnapi_runtime.load(tmp_path / "damaged.nnapi", library="/no_such.so")


def test_what_needs_torch_says_so(model: tuple[nn.Module, torch.Tensor, Path]) -> None:
    script = f"""
import sys
sys.modules["torch"] = None
import nnapi_runtime
try:
    nnapi_runtime.load({str(model[2])!r}, library="/no_such.so")
except nnapi_runtime.NnapiError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "needs torch, which is not installed here" in done.stdout
    assert "no_such.so" in done.stdout


def test_quantised_tensors_are_checked(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module, x = nn.Sequential(nn.Linear(6, 4), nn.ReLU()).eval(), torch.randn(3, 6)
    quantised = nnapi_core.quantize(module, [(x,)])
    nnapi_core.convert(quantised, (x,), quantized_io=True).save(tmp_path / "q.nnapi")
    with pytest.warns(FallbackWarning):
        session = nnapi_runtime.load(tmp_path / "q.nnapi", library="/no_such.so")
    on_nnapi = nnapi_runtime.load(tmp_path / "q.nnapi")
    integers = torch.randint(0, 255, (3, 6), dtype=torch.uint8)
    assert (session(integers).int() - on_nnapi(integers).int()).abs().max() <= 1
    wrong = torch._make_per_tensor_quantized_tensor(integers, 123.0, 7)
    for one in (session, on_nnapi):
        with pytest.raises(nnapi_runtime.ArgumentError, match="quantised with scale 123"):
            one(wrong)
