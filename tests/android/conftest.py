"""The native libraries of the Android package, built by this machine's compiler for its JVM."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import nnapi_runtime

ROOT = Path(__file__).parents[2]
JAVA = ROOT / "android" / "library" / "src" / "main" / "java"
NATIVE = ROOT / "android" / "library" / "src" / "main" / "cpp"
JUNIT = [Path("/usr/share/java/junit4.jar"), Path("/usr/share/java/hamcrest.jar")]

needs_java = pytest.mark.skipif(
    shutil.which("javac") is None or not all(jar.exists() for jar in JUNIT),
    reason="needs a JDK and JUnit 4: apt install default-jdk-headless junit4",
)


def run(*command: object) -> str:
    """What a command prints; it must end well."""
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the native library, and the two that it needs beside it."""
    folder = tmp_path_factory.mktemp("libraries")
    built = nnapi_runtime.host_library().resolve().parent
    for name in ("libtorch_nnapi.so", "libneuralnetworks.so"):
        (folder / name).symlink_to(built / name)
    home = Path(shutil.which("javac") or "").resolve().parents[1]
    run(
        "c++", "-std=c++20", "-O2", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror",
        "-fvisibility=hidden", f"-I{home / 'include'}", f"-I{home / 'include' / 'linux'}",
        f"-I{ROOT / 'nnapi_runtime' / 'include'}", *sorted(NATIVE.glob("*.cpp")),
        f"-Wl,--version-script={NATIVE / 'exports.map'}", "-Wl,-rpath,$ORIGIN",
        "-Wl,--no-undefined,-z,max-page-size=16384", folder / "libtorch_nnapi.so",
        "-o", folder / "libtorch_nnapi_jni.so",
    )  # fmt: skip
    return folder
