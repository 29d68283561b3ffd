"""The same artifact on five phones, and on drivers that fail: through our loader, and through stock PyTorch's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import nnapi_core
import nnapi_runtime
from tests.runtime.devices.drivers import PHONES, simulated, write_devices

STOCK = Path(__file__).parents[2] / "models" / "stock_process.py"

# What a driver may do, and whether a client that has chosen none goes on with right results.
FAULTS: dict[str, list[dict[str, Any]]] = {
    "refuses": [{"kind": "error", "at": "prepare"}],
    "fails after two runs": [{"kind": "error", "after": 2}],
    "is gone": [{"kind": "error", "code": "DEAD_OBJECT"}],
    "hangs": [{"kind": "hang", "seconds": 0.1}],
}


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.narrow = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 8, 1)
        self.linear = nn.Linear(8 * 16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = nn.functional.max_pool2d(self.conv(x).relu(), 2)
        y = self.narrow(y) - y.mean(1, keepdim=True)
        return self.linear(y.flatten(1)).softmax(-1)


@pytest.fixture(scope="module")
def x() -> torch.Tensor:
    return torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def files(x: torch.Tensor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """net.nnapi, net.pt and bytes.nnapi, with what they give on our CPU alone."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("artifacts")
    module = Net().eval()
    converted = nnapi_core.convert(module, (x,))
    converted.save(folder / "net.nnapi")
    converted.save(folder / "net.pt")
    torch.save([(x,)] * 4, folder / "net.args")
    quantised = nnapi_core.quantize(module, [(x,)])
    nnapi_core.convert(quantised, (x,)).save(folder / "bytes.nnapi")
    for name in ("net", "bytes"):
        np.save(folder / f"{name}.npy", nnapi_runtime.load(folder / f"{name}.nnapi")(x).numpy())
    with torch.no_grad():
        np.testing.assert_allclose(np.load(folder / "net.npy"), module(x), rtol=1e-4, atol=1e-5)
    return folder


@pytest.mark.parametrize("phone", PHONES)
@pytest.mark.parametrize("name", ["net", "bytes"])
def test_five_phones_give_the_same(
    name: str, phone: str, files: Path, x: torch.Tensor, tmp_path: Path
) -> None:
    with simulated(PHONES[phone], tmp_path):
        session = nnapi_runtime.load(
            files / f"{name}.nnapi", library=nnapi_runtime.host_library(), fallback="none"
        )
        for _ in range(2):
            assert np.array_equal(session(x).numpy(), np.load(files / f"{name}.npy"))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_driver_that_nobody_chose_is_made_up_for(
    fault: str, files: Path, x: torch.Tensor, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    device = {"name": "bad", "type": "gpu", "faults": FAULTS[fault]}
    with simulated([device], tmp_path):
        session = nnapi_runtime.load(files / "net.nnapi", fallback="none")
        for _ in range(4):
            assert np.array_equal(session(x).numpy(), np.load(files / "net.npy"))
    said = capfd.readouterr().err
    assert ("device bad was told to fail" in said) == (fault != "hangs")


def test_a_driver_that_is_wrong_is_wrong(files: Path, x: torch.Tensor, tmp_path: Path) -> None:
    fault = {"kind": "wrong", "operation": "CONV_2D", "steps": 30}
    with simulated([{"name": "bad", "type": "gpu", "faults": [fault]}], tmp_path):
        session = nnapi_runtime.load(files / "net.nnapi", fallback="none")
        assert not np.allclose(session(x).numpy(), np.load(files / "net.npy"), atol=1e-3)


def stock(files: Path, devices: list[dict[str, Any]], folder: Path) -> Path:
    """net.pt run by stock PyTorch on our library with these devices; the folder of the results."""
    for name in ("net.pt", "net.args"):
        (folder / name).write_bytes((files / name).read_bytes())
    run = subprocess.run(
        [sys.executable, str(STOCK), str(folder), str(nnapi_runtime.host_library())],
        env={**os.environ, "NNAPI_HOST_DEVICES": str(write_devices(devices, folder))},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-3000:]
    assert "modules of ours imported: 0" in run.stdout
    return folder


@pytest.mark.parametrize(
    "devices",
    [
        *(pytest.param(devices, id=name) for name, devices in PHONES.items()),
        *(
            pytest.param([{"name": "bad", "type": "gpu", "faults": faults}], id=name)
            for name, faults in FAULTS.items()
        ),
    ],
)
def test_stock_pytorch_gives_the_same(
    devices: list[dict[str, Any]], files: Path, tmp_path: Path
) -> None:
    results = torch.load(stock(files, devices, tmp_path) / "net.forward.results")
    assert len(results) == 4
    for result in results:
        assert np.array_equal(result.numpy(), np.load(files / "net.npy"))


def test_a_bad_file_of_devices_is_an_error_of_the_model(
    files: Path, x: torch.Tensor, tmp_path: Path
) -> None:
    folder = stock(files, [{"name": "npu"}], tmp_path)
    assert not (folder / "net.forward.results").exists()
    assert (folder / "net.forward.error").exists()
    script = "import nnapi_runtime, sys; nnapi_runtime.load(sys.argv[1], fallback='none')"
    run = subprocess.run(
        [sys.executable, "-c", script, str(files / "net.nnapi")],
        env={**os.environ, "NNAPI_HOST_DEVICES": str(tmp_path / "devices.json")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert f"{tmp_path}/devices.json: file.devices[0] lacks 'type'" in run.stderr.splitlines()[-1]
