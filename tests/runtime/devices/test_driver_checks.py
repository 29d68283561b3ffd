"""Drivers that misbehave: tried in a process of their own before they are trusted; replaced when they fail later."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import nnapi_core
import nnapi_runtime
from tests.runtime.devices.drivers import simulated, write_devices

# What a driver does, what is said of it, and how long a check may take.
FAULTS: dict[str, tuple[dict[str, Any], str, float]] = {
    "refuses": ({"kind": "error", "at": "prepare"}, "OP_FAILED", 60),
    "fails": ({"kind": "error"}, "fails when it runs", 60),
    "is gone": ({"kind": "error", "code": "DEAD_OBJECT"}, "DEAD_OBJECT", 60),
    "hangs": ({"kind": "hang", "seconds": 30}, "did not end within", 3),
    "hangs when it compiles": (
        {"kind": "hang", "at": "prepare", "seconds": 30},
        "did not end within",
        3,
    ),
    "aborts": ({"kind": "abort"}, "ended the process by signal 6", 60),
    "aborts when it compiles": (
        {"kind": "abort", "at": "prepare"},
        "ended the process by signal 6",
        60,
    ),
    "is wrong": (
        {"kind": "wrong", "operation": "CONV_2D", "steps": 3},
        "it is off by",
        60,
    ),
}


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.linear = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8 * 16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = nn.functional.max_pool2d(self.conv(x).relu(), 2)
        return self.linear(y.flatten(1))


@pytest.fixture(scope="module")
def x() -> torch.Tensor:
    return torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def files(x: torch.Tensor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """net.nnapi in floats and bytes.nnapi in integers, with what they give on our CPU."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("artifacts")
    module = Net().eval()
    nnapi_core.convert(module, (x,)).save(folder / "net.nnapi")
    nnapi_core.convert(nnapi_core.quantize(module, [(x,)]), (x,)).save(folder / "bytes.nnapi")
    for name in ("net", "bytes"):
        np.save(folder / f"{name}.npy", nnapi_runtime.load(folder / f"{name}.nnapi")(x).numpy())
    return folder


@contextmanager
def a_driver(fault: dict[str, Any] | None, folder: Path) -> Iterator[None]:
    """The device "npu", here and in processes that are started from here."""
    device = {"name": "npu", "type": "accelerator", "faults": [fault] if fault else []}
    with pytest.MonkeyPatch.context() as patch, simulated([device], folder):
        patch.setenv("NNAPI_HOST_DEVICES", str(write_devices([device], folder)))
        yield


def checked(path: Path, **options: Any) -> nnapi_runtime.Session:
    return nnapi_runtime.load(
        path, devices="npu", fallback="host", torch="never", check_driver=True, **options
    )


@pytest.mark.parametrize("name", ["net", "bytes"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_driver_is_found_and_ours_runs_instead(
    fault: str, name: str, files: Path, x: torch.Tensor, tmp_path: Path
) -> None:
    told, said, seconds = FAULTS[fault]
    with a_driver(told, tmp_path):
        session = checked(files / f"{name}.nnapi", check_timeout=seconds)
        for _ in range(3):
            assert np.array_equal(session(x).numpy(), np.load(files / f"{name}.npy"))
    reasons = {one.reason for one in session.placements}
    assert all(said in reason for reason in reasons), reasons
    if fault in ("is wrong", "aborts", "hangs"):
        # Any operation aborts or hangs, and the first is named; one alone is wrong.
        node = "conv2d" if name == "net" or fault == "is wrong" else "quantize_per_tensor"
        assert all(f"comes from {node}" in reason for reason in reasons), reasons


@pytest.mark.parametrize("name", ["net", "bytes"])
def test_a_good_driver_is_trusted(name: str, files: Path, x: torch.Tensor, tmp_path: Path) -> None:
    with a_driver(None, tmp_path):
        session = checked(files / f"{name}.nnapi")
        assert np.array_equal(session(x).numpy(), np.load(files / f"{name}.npy"))
    assert {one.reason for one in session.placements} == {""}


def test_without_our_library_a_bad_driver_is_an_error(files: Path, tmp_path: Path) -> None:
    fault = {"kind": "wrong", "operation": "FULLY_CONNECTED", "steps": 3}
    with a_driver(fault, tmp_path), pytest.raises(nnapi_runtime.LibraryError) as caught:
        nnapi_runtime.load(files / "bytes.nnapi", devices="npu", fallback="none", check_driver=True)
    assert "it is off by 3 steps" in str(caught.value)
    assert "comes from linear" in str(caught.value)


def test_a_verdict_is_kept_for_the_file_and_the_device(
    files: Path, x: torch.Tensor, tmp_path: Path
) -> None:
    fault = {"kind": "abort"}
    cache = tmp_path / "cache"
    with a_driver(fault, tmp_path):
        first = checked(files / "net.nnapi", cache_dir=cache)
    kept = [path for path in cache.iterdir() if path.name.startswith("driver-")]
    assert len(kept) == 1
    # Were it asked again, there would be nothing wrong with it.
    with a_driver(None, tmp_path):
        second = checked(files / "net.nnapi", cache_dir=cache)
        assert [one.reason for one in second.placements] == [one.reason for one in first.placements]
        assert not any(
            one.reason for one in checked(files / "bytes.nnapi", cache_dir=cache).placements
        )
        # What is damaged is asked for again.
        kept[0].write_bytes(kept[0].read_bytes()[:-3])
        assert not any(
            one.reason for one in checked(files / "net.nnapi", cache_dir=cache).placements
        )


@pytest.mark.parametrize("code", ["OP_FAILED", "DEAD_OBJECT", "UNAVAILABLE_DEVICE"])
@pytest.mark.parametrize("bound", [False, True])
def test_a_driver_that_fails_after_100_runs_is_replaced(
    bound: bool, code: str, files: Path, x: torch.Tensor, tmp_path: Path
) -> None:
    with a_driver({"kind": "error", "after": 100, "code": code}, tmp_path):
        session = nnapi_runtime.load(
            files / "net.nnapi", devices="npu", fallback="host", torch="never"
        )
        run: Any = session
        if bound:
            place = session.bound()
            place.inputs[0][:] = x.numpy()

            def run(x: torch.Tensor) -> torch.Tensor:
                place()
                return torch.from_numpy(np.array(place.outputs[0]))

        for number in range(105):
            replaced = bool(session.placements[0].reason)
            assert replaced == (number > 100)
            assert np.array_equal(run(x).numpy(), np.load(files / "net.npy"))
    assert code in session.placements[0].reason
    assert "failed in a run" in session.placements[0].reason


def test_arguments_that_no_library_takes_condemn_no_driver(tmp_path: Path) -> None:
    class Gather(nn.Module):
        def forward(self, x: torch.Tensor, i: torch.Tensor) -> torch.Tensor:
            return nn.functional.embedding(i, x)

    args = (torch.randn(4, 3), torch.tensor([1, 2], dtype=torch.int32))
    nnapi_core.convert(Gather(), args).save(tmp_path / "m.nnapi")
    with a_driver(None, tmp_path):
        session = nnapi_runtime.load(tmp_path / "m.nnapi", devices="npu", fallback="host")
        with pytest.raises(nnapi_runtime.NnapiError):
            session(args[0], torch.tensor([1, 200], dtype=torch.int32))
        assert torch.equal(session(*args), args[0][args[1].long()])
        assert not any(one.reason for one in session.placements)


def test_what_cannot_be_checked_is_said(files: Path, tmp_path: Path) -> None:
    with (
        a_driver(None, tmp_path),
        pytest.raises(nnapi_runtime.ArgumentError, match="check_timeout"),
    ):
        checked(files / "net.nnapi", check_timeout=-1)


def test_c_programs_check_as_well(files: Path, x: torch.Tensor, tmp_path: Path) -> None:
    """nnapi-check-driver by itself, as the C side runs it."""
    library = nnapi_runtime.host_library()
    program = Path(nnapi_runtime.__file__).parent / "nnapi-check-driver"
    command = [program, "--library", library, "--host-library", library, "--device", "npu"]
    for fault, said in (
        ({"kind": "wrong", "operation": "CONV_2D", "steps": 3}, "\twrong\t1\tit is off by 3 steps"),
        (None, "\tgood\t"),
    ):
        device = {"name": "npu", "type": "accelerator", "faults": [fault] if fault else []}
        run = subprocess.run(
            [*command, files / "bytes.nnapi"],
            env={**os.environ, "NNAPI_HOST_DEVICES": str(write_devices([device], tmp_path))},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert run.stdout.startswith("begin\t")
        assert said in run.stdout
    for words in ([], [files / "no.nnapi"]):
        run = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
        assert run.returncode == (1 if words else 2)
        assert "nnapi-check-driver" in run.stderr
