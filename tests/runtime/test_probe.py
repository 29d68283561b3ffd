"""nnapi-probe asks a device what it takes; what it prints is a device profile."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import nnapi_core
import nnapi_runtime
from nnapi_core.nnapi.device_profile import DeviceProfile
from nnapi_core.nnapi.opset import ops

ROOT = Path(__file__).parents[2]
PROBE = ROOT / "nnapi_runtime" / "probe"
OPERATIONS = ROOT / "nnapi_core" / "nnapi" / "opset" / "operations.csv"


def compiled(*arguments: Any) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler is installed here, to build nnapi-probe")
    done = subprocess.run([compiler, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("probe")
    generate = [PROBE / "generate.py", OPERATIONS, PROBE / "models.csv", folder / "models.inc"]
    subprocess.run([sys.executable, *map(str, generate)], check=True)
    compiled(
        "-std=gnu11", "-Wall", "-Wextra", "-Werror", f"-I{folder}", f"-I{PROBE.parent / 'include'}",
        PROBE / "nnapi_probe.c", "-o", folder / "nnapi-probe", "-ldl",
    )  # fmt: skip
    return folder / "nnapi-probe"


def run(probe: Path, *arguments: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(probe), *map(str, arguments)], capture_output=True, text=True, check=False
    )


def profile(probe: Path, library: Path, folder: Path) -> Path:
    done = run(probe, "--library", library)
    assert done.returncode == 0, done.stderr
    (folder / "device.json").write_text(done.stdout)
    return folder / "device.json"


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.linear = nn.Conv2d(3, 8, 3), nn.Linear(8 * 16, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.conv(x).relu().flatten(1)).softmax(-1)


def test_our_runtime_takes_all_that_there_is(probe: Path, tmp_path: Path) -> None:
    path = profile(probe, nnapi_runtime.host_library(), tmp_path)
    written = json.loads(path.read_text())["operations"]
    for spec in ops:
        types = {code.name for rule in spec.rules for code in rule.types.values()}
        tensors = {name for name in types if name.startswith("TENSOR")}
        assert tensors <= set(written[spec.name]), spec.name
    assert DeviceProfile.read(path).feature_level == 1000008


def test_a_profile_of_everything_changes_no_conversion(probe: Path, tmp_path: Path) -> None:
    module, x = Net().eval(), torch.randn(1, 3, 6, 6)
    everything = DeviceProfile.read(profile(probe, nnapi_runtime.host_library(), tmp_path))
    plain = nnapi_core.convert(module, (x,))
    narrowed = nnapi_core.convert(module, (x,), device_profile=everything)
    assert narrowed.contents.models == plain.contents.models


# Our library but for convolutions, as a driver would be that has none.
WITHOUT_CONVOLUTIONS = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
typedef int (*add)(void*, int32_t, uint32_t, const uint32_t*, uint32_t, const uint32_t*);
int ANeuralNetworksModel_addOperation(void* model, int32_t type, uint32_t inputs,
                                      const uint32_t* in, uint32_t outputs, const uint32_t* out) {
  static void* library;
  if (library == 0) library = dlopen("LIBRARY", RTLD_NOW);
  if (type == 3) return 4;
  return ((add)dlsym(library, "ANeuralNetworksModel_addOperation"))(model, type, inputs, in, outputs, out);
}
"""


def test_what_a_device_has_not_got_goes_to_the_cpu(probe: Path, tmp_path: Path) -> None:
    host = nnapi_runtime.host_library().resolve()
    source = tmp_path / "narrow.c"
    source.write_text(WITHOUT_CONVOLUTIONS.replace("LIBRARY", str(host)))
    library = tmp_path / "libnarrow.so"
    compiled(
        "-shared",
        "-fPIC",
        source,
        "-Wl,--no-as-needed",
        host,
        f"-Wl,-rpath,{host.parent}",
        "-ldl",
        "-o",
        library,
    )
    narrow = DeviceProfile.read(profile(probe, library, tmp_path))
    assert "CONV_2D" not in narrow.operations
    assert "FULLY_CONNECTED" in narrow.operations
    module, x = Net().eval(), torch.randn(1, 3, 6, 6)
    converted = nnapi_core.convert(module, (x,), device_profile=narrow)
    (row,) = (row for row in converted.report.nodes if "conv2d" in row.target)
    assert (row.device, row.reason_code) == ("cpu", "device_profile")
    assert "nnapi" in converted.report.stages
    with torch.no_grad():
        torch.testing.assert_close(converted(x), module(x), rtol=1e-4, atol=1e-4)


def test_what_it_says(probe: Path) -> None:
    library = nnapi_runtime.host_library()
    assert run(probe, "--library", library, "--list").stdout.strip() == "torch-nnapi-host"
    missing = run(probe, "--library", library, "--device", "npu")
    assert (missing.returncode, missing.stderr) == (1, "nnapi-probe: there is no device npu\n")
    assert run(probe, "--library", "/no_such.so").returncode == 1
    assert run(probe, "--what").returncode == 2
