"""What the libraries take from the system is in Android's C library from Android 8.1 on."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import nnapi_runtime
from tests.android.conftest import ROOT, needs_java

IMPORTS = Path(__file__).parent / "system_symbols.txt"
BIONIC = Path(
    os.environ.get(
        "NNAPI_BIONIC_SYMBOLS", ROOT.parent / "shared" / "facts" / "bionic_symbols_api27.txt"
    )
)

# What the compiler or glibc's headers call otherwise there, and what bionic's toolchain has in its place.
TWINS = {
    "__assert_fail": "__assert2",  # the macro assert
    "__errno_location": "__errno",  # the macro errno
    "__isoc99_sscanf": "sscanf",
    "__tls_get_addr": None,  # thread_local: __emutls_get_address, in the NDK's static libgcc
    "__libc_single_threaded": None,  # libstdc++ alone looks at it
    "_ITM_deregisterTMCloneTable": None,  # weak; of GCC's startup files
    "_ITM_registerTMCloneTable": None,
    "__gmon_start__": None,
}
# The C++ library is the NDK's libc++, linked statically.
OF_THE_CPP_LIBRARY = ("GLIBCXX_", "CXXABI_", "GCC_")


def imports(library: Path) -> set[str]:
    """The symbols that the dynamic linker has to find, without those of the C++ library and of our own."""
    said = subprocess.run(
        ["nm", "-D", "--undefined-only", library], capture_output=True, text=True, check=True
    )
    symbols = [line.split()[-1] for line in said.stdout.splitlines()]
    return {
        name.partition("@")[0]
        for name in symbols
        if not name.rpartition("@")[2].startswith(OF_THE_CPP_LIBRARY)
        and not name.startswith("torch_nnapi_")
    }


def listed() -> set[str]:
    lines = IMPORTS.read_text().splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def check(library: Path) -> None:
    unknown = imports(library) - listed() - TWINS.keys()
    assert not unknown, f"{library.name} needs {sorted(unknown)}: is that in bionic at level 27?"


@pytest.mark.parametrize("name", ["libtorch_nnapi.so", "libneuralnetworks.so"])
def test_libraries_need_what_android_has(name: str) -> None:
    check(nnapi_runtime.host_library().resolve().parent / name)


@needs_java
def test_the_java_library_needs_what_android_has(libraries: Path) -> None:
    check(libraries / "libtorch_nnapi_jni.so")


@pytest.mark.parametrize("name", ["libtorch_nnapi.so", "libneuralnetworks.so"])
def test_libraries_for_arm_need_what_android_has(name: str) -> None:
    library = ROOT / "build-aarch64" / name
    if not library.exists():
        pytest.skip(f"{library} is not there: make test-aarch64 builds it")
    check(library)


def test_the_list_is_true() -> None:
    if not BIONIC.exists():
        pytest.skip(f"{BIONIC} is not there (NNAPI_BIONIC_SYMBOLS names another place)")
    lines = BIONIC.read_text().splitlines()
    offered = {line.split()[1] for line in lines if not line.startswith("#")}
    assert listed() <= offered
    assert {twin for twin in TWINS.values() if twin} <= offered
