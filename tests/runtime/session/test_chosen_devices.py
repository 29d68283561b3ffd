"""A session runs on the devices that it is told to, by name or by type."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import nnapi_core
import nnapi_runtime

NAME = "torch-nnapi-host"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    nnapi_core.convert(nn.Linear(3, 4), (torch.ones(1, 3),)).save(tmp_path / "m.nnapi")
    return tmp_path / "m.nnapi"


def test_devices_are_listed() -> None:
    (device,) = nnapi_runtime.devices(nnapi_runtime.host_library())
    assert (device.name, device.type) == (NAME, "cpu")
    assert device.feature_level == 1000008
    assert device.version
    assert NAME in repr(device)
    with pytest.raises(nnapi_runtime.LibraryError, match="cannot load"):
        nnapi_runtime.devices("/nowhere/libneuralnetworks.so")


@pytest.mark.parametrize("devices", [None, (), "cpu", NAME, ["cpu"], [NAME, "cpu"]])
def test_the_cpu_is_chosen(devices: str | list[str] | None, file: Path) -> None:
    x = torch.randn(1, 3)
    chosen = nnapi_runtime.load(file, devices=devices, fallback="none")
    assert torch.equal(chosen(x), nnapi_runtime.load(file, fallback="none")(x))


@pytest.mark.parametrize("fallback", ["torch", "host", "none"])
@pytest.mark.parametrize("devices", ["npu", ["cpu", "gpu"], [""], "torch-nnapi"])
def test_a_device_that_is_not_there(
    devices: str | list[str], fallback: nnapi_runtime.session.Fallback, file: Path
) -> None:
    """It is a mistake of the caller, for which nothing makes up."""
    with pytest.raises(nnapi_runtime.ArgumentError, match=rf"no device of .*{NAME} \(cpu\)"):
        nnapi_runtime.load(file, devices=devices, fallback=fallback)
