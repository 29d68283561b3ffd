"""``nnapi-convert run``: one run of a file, from the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import nnapi_core
from nnapi_core.cli import main
from tests.runtime.devices.drivers import simulated, write_devices


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor, n: torch.Tensor) -> dict[str, torch.Tensor]:
        y = self.linear(x)
        return {"y": y, "n": n + 1}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Net]:
    torch.manual_seed(0)
    module = Net().eval()
    file = tmp_path_factory.mktemp("run") / "m.nnapi"
    nnapi_core.convert(module, (torch.randn(2, 8), torch.ones(3, dtype=torch.int32))).save(file)
    return file, module


def test_results_of_given_inputs_are_written(
    model: tuple[Path, Net], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, module = model
    x, n = torch.randn(2, 8), torch.tensor([4, 5, 6], dtype=torch.int32)
    np.save(tmp_path / "x.npy", x.numpy())
    np.save(tmp_path / "n.npy", n.numpy())
    words = [
        "run",
        str(file),
        "--input",
        str(tmp_path / "x.npy"),
        "--input",
        str(tmp_path / "n.npy"),
    ]
    assert main([*words, "-o", str(tmp_path / "out.npz")]) == 0
    wanted = [one.detach().numpy() for one in module(x, n).values()]
    with np.load(tmp_path / "out.npz") as written:
        assert len(written.files) == 2
        for name, expected in zip(written.files, wanted, strict=True):
            np.testing.assert_allclose(written[name], expected, rtol=1e-5, atol=1e-6)
    said = capsys.readouterr().out.splitlines()
    assert "float32 (2, 4), from" in said[0]
    assert "int32 (3,), from 5 to 7, mean 6" in said[1]
    assert any(
        "1 operation on " in line and line.endswith("libneuralnetworks.so") for line in said[2:]
    )


def test_inputs_are_made_where_none_are_given(
    model: tuple[Path, Net], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(model[0])]) == 0
    first = capsys.readouterr().out
    assert main(["run", str(model[0])]) == 0
    assert capsys.readouterr().out == first


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["m.ptl"], "run takes .nnapi"),
        (["no.nnapi"], "no.nnapi"),
        (["m.nnapi", "--input", "x.npy"], "--input is given 1 times, and the model takes x"),
        (["m.nnapi", "--input", "x.npy", "--input", "m.nnapi"], "not an array"),
        (["m.nnapi", "-o", "out.txt"], "results are written as .npz"),
        (["m.nnapi", "--method", "decode"], "no method 'decode'"),
        (["m.nnapi", "--device", "warp"], "warp"),
        (["m.nnapi", "--library", "/nowhere/lib.so", "--check-driver"], "/nowhere/lib.so"),
    ],
)
def test_what_cannot_be_run_is_one_error(
    words: list[str],
    said: str,
    model: tuple[Path, Net],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "m.nnapi").write_bytes(model[0].read_bytes())
    np.save(tmp_path / "x.npy", np.zeros((2, 8), np.float32))
    monkeypatch.chdir(tmp_path)
    assert main(["run", *words]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert len([line for line in error.splitlines() if line.startswith("nnapi-convert:")]) == 1


@pytest.mark.parametrize("command", ["run", "bench"])
def test_a_bad_driver_is_named(
    command: str, model: tuple[Path, Net], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fault = {"kind": "wrong", "operation": "FULLY_CONNECTED", "steps": 3}
    device = {"name": "npu", "type": "accelerator", "faults": [fault]}
    with pytest.MonkeyPatch.context() as patch, simulated([device], tmp_path):
        patch.setenv("NNAPI_HOST_DEVICES", str(write_devices([device], tmp_path)))
        words = [command, str(model[0]), "--device", "npu", "--check-driver"]
        assert main([*words, "--runs", "2"] if command == "bench" else words) == 0
    said = capsys.readouterr().out
    if command == "run":
        assert "it is off by" in said
        assert "comes from linear" in said
    else:
        assert "median" in said


def test_a_result_that_is_returned_twice_is_written_twice(tmp_path: Path) -> None:
    class Twice(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            y = x * 2
            return y, y

    nnapi_core.convert(Twice(), (torch.ones(3),)).save(tmp_path / "m.nnapi")
    assert main(["run", str(tmp_path / "m.nnapi"), "-o", str(tmp_path / "out.npz")]) == 0
    with np.load(tmp_path / "out.npz") as written:
        assert len(written.files) == 2
        np.testing.assert_array_equal(*(written[name] for name in written.files))
