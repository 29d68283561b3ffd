"""What the Android package holds, made of libraries of this machine."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import pytest

import nnapi_runtime
from tests.android.conftest import ROOT, needs_java, run

pytestmark = needs_java

MAKE_AAR = ROOT / "tools" / "make_aar.py"
ANDROID = "{http://schemas.android.com/apk/res/android}"
LIBRARIES = ["libtorch_nnapi.so", "libtorch_nnapi_host.so", "libtorch_nnapi_jni.so"]


@pytest.fixture(scope="module")
def built(libraries: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The libraries by the names that they have on a phone."""
    folder = tmp_path_factory.mktemp("built")
    for name in LIBRARIES:
        source = name.replace("libtorch_nnapi_host", "libneuralnetworks")
        shutil.copy(libraries / source, folder / name)
    program = Path(nnapi_runtime.__file__).parent / "nnapi-check-driver"
    shutil.copy(program, folder / "libnnapi_check_driver.so")
    return folder


@pytest.fixture(scope="module")
def aar(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("aar") / "torch-nnapi.aar"
    said = run(sys.executable, MAKE_AAR, "--libraries", f"x86_64={built}", "-o", output)
    assert "libtorch_nnapi_jni.so" in said
    return output


def test_the_package_holds_what_android_looks_for(aar: Path, built: Path) -> None:
    with zipfile.ZipFile(aar) as package:
        assert package.testzip() is None
        names = set(package.namelist())
        manifest = ElementTree.fromstring(package.read("AndroidManifest.xml"))
        prefab = json.loads(package.read("prefab/prefab.json"))
        module = "prefab/modules/torch_nnapi"
        abi = json.loads(package.read(f"{module}/libs/android.x86_64/abi.json"))
        rules = package.read("proguard.txt").decode()
        library = package.read("jni/x86_64/libtorch_nnapi.so")
        classes = package.read("classes.jar")
    assert {f"jni/x86_64/{name}" for name in LIBRARIES} <= names
    assert "jni/x86_64/libnnapi_check_driver.so" in names
    assert {"R.txt", "classes.jar", "META-INF/LICENSE", f"{module}/module.json"} <= names
    assert {f"{module}/include/{name}" for name in ("torch_nnapi.h", "torch_nnapi.hpp")} <= names
    assert f"{module}/libs/android.x86_64/libtorch_nnapi.so" in names
    assert library == (built / "libtorch_nnapi.so").read_bytes()
    assert manifest.get("package") == "org.torchnnapi"
    sdk = manifest.find("uses-sdk")
    assert sdk is not None and sdk.get(f"{ANDROID}minSdkVersion") == "27"
    native = manifest.find("application/uses-native-library")
    assert native is not None and native.get(f"{ANDROID}name") == "libneuralnetworks.so"
    assert native.get(f"{ANDROID}required") == "false"
    assert (prefab["schema_version"], prefab["name"]) == (2, "torch-nnapi")
    assert (abi["abi"], abi["api"], abi["stl"]) == ("x86_64", 27, "c++_static")
    assert "-keep class org.torchnnapi.**" in rules
    assert classes[:2] == b"PK"


def test_equal_libraries_make_equal_packages(aar: Path, built: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.aar"
    run(sys.executable, MAKE_AAR, "--libraries", f"x86_64={built}", "-o", again)
    assert again.read_bytes() == aar.read_bytes()


def test_the_classes_are_for_java_8(aar: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(aar) as package:
        package.extract("classes.jar", tmp_path)
    with zipfile.ZipFile(tmp_path / "classes.jar") as jar:
        classes = {name: jar.read(name) for name in jar.namelist()}
    assert "org/torchnnapi/Session.class" in classes
    assert {int.from_bytes(data[6:8], "big") for data in classes.values()} == {52}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--ndk", "/nowhere"], "/nowhere is no NDK"),
        (["--libraries", "x86_64"], "ABI=FOLDER"),
        (["--libraries", "mips=/tmp"], "one of arm64-v8a, x86_64, armeabi-v7a"),
        (["--libraries", "x86_64=/nowhere"], "/nowhere/libtorch_nnapi.so is missing"),
    ],
)
def test_what_is_not_there_is_named(arguments: list[str], said: str, tmp_path: Path) -> None:
    output = tmp_path / "no.aar"
    done = subprocess.run(
        [sys.executable, MAKE_AAR, *arguments, "-o", output],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert not list(tmp_path.iterdir())


def test_libraries_for_small_pages_are_refused(built: Path, tmp_path: Path) -> None:
    for name in LIBRARIES:
        shutil.copy(built / name, tmp_path / name)
    source = tmp_path / "small.c"
    source.write_text("int one(void) { return 1; }\n")
    small = tmp_path / "libtorch_nnapi_jni.so"
    run("cc", "-shared", "-fPIC", "-Wl,-z,max-page-size=4096", source, "-o", small)
    done = subprocess.run(
        [sys.executable, MAKE_AAR, "--libraries", f"x86_64={tmp_path}", "-o", tmp_path / "a.aar"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert re.search(r"libtorch_nnapi_jni\.so is aligned to 4096 bytes, not 16384", done.stderr)
