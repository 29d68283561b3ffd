"""The Java API and its native library, on this machine's JVM: the code that the Android package holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import nnapi_core
import nnapi_runtime
from tests.android.conftest import JAVA, JUNIT, needs_java, run
from tests.android.sessions import write_cases
from tests.runtime.devices.drivers import write_devices

pytestmark = needs_java


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classes")
    api = sorted(JAVA.rglob("*.java"))
    run("javac", "--release", "8", "-Xlint:all,-options", "-Werror", "-d", folder, *api)
    tests = sorted(Path(__file__).parent.glob("java/**/*.java"))
    path = ":".join(map(str, [folder, *JUNIT]))
    run("javac", "-Xlint:all", "-Werror", "-cp", path, "-d", folder, *tests)
    return folder


def test_java(libraries: Path, classes: Path, tmp_path: Path) -> None:
    assert len(write_cases(tmp_path)) >= 20
    said = run(
        "java", "-Xcheck:jni", "--add-opens", "java.base/java.io=ALL-UNNAMED",
        f"-Dcases={tmp_path}", f"-Djava.library.path={libraries}",
        "-cp", ":".join(map(str, [classes, *JUNIT])),
        "org.junit.runner.JUnitCore", "org.torchnnapi.SessionTest",
    )  # fmt: skip
    assert "OK (" in said
    assert "WARNING in native method" not in said, said


@pytest.mark.parametrize(
    ("fault", "said", "seconds"),
    [
        ({"kind": "error", "at": "prepare"}, "OP_FAILED", 60),
        ({"kind": "error"}, "fails when it runs", 60),
        ({"kind": "hang", "seconds": 60}, "did not end within", 3),
        ({"kind": "abort"}, "ended the process", 60),
        ({"kind": "wrong", "operation": "FULLY_CONNECTED", "steps": 3}, "it is off by", 60),
    ],
    ids=["refuses", "fails", "hangs", "aborts", "is wrong"],
)
def test_bad_drivers(
    fault: dict[str, Any], said: str, seconds: int, libraries: Path, classes: Path, tmp_path: Path
) -> None:
    model = tmp_path / "m.nnapi"
    nnapi_core.convert(torch.nn.Linear(8, 4).eval(), (torch.ones(1, 8),)).save(model)
    npu = {"name": "npu", "type": "accelerator", "faults": [fault]}
    printed = run(
        "env", f"NNAPI_HOST_DEVICES={write_devices([npu], tmp_path)}",
        "java", "-Xcheck:jni", f"-Dmodel={model}", f"-Dsaid={said}", f"-Dseconds={seconds}",
        f"-Dprogram={Path(nnapi_runtime.__file__).parent / 'nnapi-check-driver'}",
        f"-Djava.library.path={libraries}", "-cp", ":".join(map(str, [classes, *JUNIT])),
        "org.junit.runner.JUnitCore", "org.torchnnapi.DriverTest",
    )  # fmt: skip
    assert "OK (2 tests)" in printed


def test_the_native_library_exports_its_entry_alone(libraries: Path) -> None:
    said = run("nm", "-D", "--defined-only", libraries / "libtorch_nnapi_jni.so")
    assert [line.split()[-1] for line in said.splitlines() if " T " in line] == ["JNI_OnLoad"]
