"""Builds the Android package (AAR) with the NDK's CMake toolchain, without Gradle.

    python tools/make_aar.py --ndk ~/Android/Sdk/ndk/27.2.12479018 -o torch-nnapi.aar

It needs CMake, Ninja and a JDK (11 or newer) on the PATH, and the headers of nlohmann's JSON library
(``pip install nlohmann-json``). The package holds the Java API, for each ABI the libraries
libtorch_nnapi.so, libtorch_nnapi_host.so, libtorch_nnapi_jni.so and the program that checks drivers,
libnnapi_check_driver.so, and the C API for prefab. ``--host`` takes this machine's own compiler in the NDK's place:
that shows what the package holds, and it is no package for a phone. ``--libraries`` packs libraries that were built
before.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "android" / "library"
NATIVE = LIBRARY / "src" / "main" / "cpp"
INCLUDE = ROOT / "nnapi_runtime" / "include"

TARGETS = ("torch_nnapi", "neuralnetworks", "torch_nnapi_jni", "nnapi-check-driver")
SHARED_OBJECTS = ("libtorch_nnapi.so", "libtorch_nnapi_host.so", "libtorch_nnapi_jni.so")
# A program, named as a library since Android unpacks nothing else; packages of libraries that were built before may
# do without it (docs/drivers.md).
CHECK_PROGRAM = "libnnapi_check_driver.so"
HEADERS = ("torch_nnapi.h", "torch_nnapi.hpp")
ABIS = ("arm64-v8a", "x86_64", "armeabi-v7a")
API_LEVEL = 27
PAGE_SIZE = 16384
PACKAGE = "org.torchnnapi"

EPOCH = (1980, 1, 1, 0, 0, 0)  # the least that a zip can say: equal contents make equal packages


class BuildError(Exception):
    """What the command says before it ends with 1."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    compiler = parser.add_mutually_exclusive_group(required=True)
    compiler.add_argument(
        "--ndk", type=Path, metavar="PATH", help="the NDK's folder (r26 or newer)"
    )
    compiler.add_argument(
        "--host", action="store_true", help="this machine's compiler: a package to look at only"
    )
    compiler.add_argument(
        "--libraries",
        action="append",
        metavar="ABI=FOLDER",
        help="may be repeated: the folder that has an ABI's three libraries already",
    )
    parser.add_argument(
        "--abi",
        action="append",
        choices=ABIS,
        help="may be repeated; default: arm64-v8a and x86_64",
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("torch-nnapi.aar"))
    parser.add_argument(
        "--build",
        type=Path,
        default=ROOT / "build-android",
        metavar="FOLDER",
        help="kept for the next time",
    )
    asked = parser.parse_args(arguments)
    try:
        if asked.libraries:
            libraries = dict(_built_before(one) for one in asked.libraries)
        else:
            abis = [_own_abi()] if asked.host else asked.abi or ["arm64-v8a", "x86_64"]
            libraries = {abi: build_native(abi, asked.ndk, asked.build / abi) for abi in abis}
        for folder in libraries.values():
            check_alignment(folder)
        package(libraries, asked.output)
    except BuildError as error:
        print(f"make_aar: {error}", file=sys.stderr)
        return 1
    for abi, folder in libraries.items():
        for name in SHARED_OBJECTS:
            print(f"{abi:12} {name:26} {(folder / name).stat().st_size / 1e6:6.2f} MB")
    print(f"{asked.output}: {asked.output.stat().st_size / 1e6:.2f} MB")
    return 0


def build_native(abi: str, ndk: Path | None, folder: Path) -> Path:
    """The folder with the three libraries of one ABI, stripped.

    ``ndk`` is the NDK's folder; None: this machine's compiler. ``folder`` is CMake's build folder. Raises
    `BuildError` where a tool is missing or fails.
    """
    options = ["-DCMAKE_BUILD_TYPE=Release", f"-DPython3_EXECUTABLE={sys.executable}"]
    strip = "strip"
    if ndk is not None:
        toolchain = ndk / "build" / "cmake" / "android.toolchain.cmake"
        if not toolchain.is_file():
            raise BuildError(f"{ndk} is no NDK: it has no build/cmake/android.toolchain.cmake")
        options += [
            f"-DCMAKE_TOOLCHAIN_FILE={toolchain}",
            f"-DANDROID_ABI={abi}",
            f"-DANDROID_PLATFORM=android-{API_LEVEL}",
            "-DANDROID_STL=c++_static",
        ]
        strip = _one(ndk.glob("toolchains/llvm/prebuilt/*/bin/llvm-strip"), f"llvm-strip in {ndk}")
    elif javac := shutil.which("javac"):
        # Where CMake looks for the JVM's headers by itself, a distribution may have several, or none.
        options.append(f"-DJAVA_HOME={Path(javac).resolve().parents[1]}")
    _run("cmake", "-S", NATIVE, "-B", folder, "-G", "Ninja", *options)
    _run("cmake", "--build", folder, "--target", *TARGETS)
    stripped = folder / "stripped"
    stripped.mkdir(exist_ok=True)
    for name in (*SHARED_OBJECTS, CHECK_PROGRAM):
        built = _one((one for one in folder.rglob(name) if one.parent != stripped), name)
        _run(strip, "--strip-unneeded", "-o", stripped / name, built)
    return stripped


def _native_files(folder: Path) -> list[str]:
    return [*SHARED_OBJECTS, *([CHECK_PROGRAM] if (folder / CHECK_PROGRAM).is_file() else [])]


def check_alignment(folder: Path) -> None:
    """Raises `BuildError` where a phone whose pages have 16 KB cannot load the libraries."""
    for name in _native_files(folder):
        alignment = load_alignment(folder / name)
        if alignment < PAGE_SIZE:
            raise BuildError(f"{folder / name} is aligned to {alignment} bytes, not {PAGE_SIZE}")


def load_alignment(library: Path) -> int:
    """The least alignment, in bytes, of what the dynamic linker maps of an ELF file."""
    data = library.read_bytes()
    if data[:4] != b"\x7fELF":
        raise BuildError(f"{library} is no ELF file")
    wide = data[4] == 2
    offset = struct.unpack_from("<Q" if wide else "<I", data, 32 if wide else 28)[0]
    size, count = struct.unpack_from("<HH", data, 54 if wide else 42)
    headers = [data[offset + size * i : offset + size * (i + 1)] for i in range(count)]
    loaded = [one for one in headers if struct.unpack_from("<I", one)[0] == 1]
    return min(
        struct.unpack_from("<Q" if wide else "<I", one, 48 if wide else 28)[0] for one in loaded
    )


def package(libraries: Mapping[str, Path], output: Path) -> None:
    """Writes the AAR: ``libraries`` are the folders with the shared objects, by ABI."""
    with tempfile.TemporaryDirectory() as name:
        classes = Path(name) / "classes.jar"
        compile_java(classes)
        # Beside its place first, so that a package is whole or not there.
        partial = output.with_name(f"{output.name}.partial")
        try:
            with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as aar:
                for inside, data in sorted(_contents(libraries, classes.read_bytes()).items()):
                    _add(aar, inside, data)
            os.replace(partial, output)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise BuildError(f"{output} cannot be written: {error.strerror}") from error


def compile_java(jar: Path) -> None:
    """Compiles the Java API, for Java 8 as Android wants it, into a jar."""
    sources = sorted((LIBRARY / "src" / "main" / "java").rglob("*.java"))
    with tempfile.TemporaryDirectory() as folder:
        _run("javac", "--release", "8", "-Xlint:all,-options", "-Werror", "-d", folder, *sources)
        with zipfile.ZipFile(jar, "w", zipfile.ZIP_DEFLATED) as archive:
            for compiled in sorted(Path(folder).rglob("*.class")):
                _add(archive, str(compiled.relative_to(folder)), compiled.read_bytes())


def _contents(libraries: Mapping[str, Path], classes: bytes) -> dict[str, bytes]:
    made = {
        "AndroidManifest.xml": _manifest(),
        "classes.jar": classes,
        "R.txt": b"",
        "proguard.txt": (LIBRARY / "consumer-rules.pro").read_bytes(),
        "META-INF/LICENSE": (ROOT / "LICENSE").read_bytes(),
        "prefab/prefab.json": _json(
            {"schema_version": 2, "name": "torch-nnapi", "version": "1.0.0", "dependencies": []}
        ),
        "prefab/modules/torch_nnapi/module.json": _json({"export_libraries": []}),
    }
    for header in HEADERS:
        inside = f"prefab/modules/torch_nnapi/include/{header}"
        made[inside] = (INCLUDE / header).read_bytes()
    for abi, folder in libraries.items():
        for name in _native_files(folder):
            made[f"jni/{abi}/{name}"] = (folder / name).read_bytes()
        prefab = f"prefab/modules/torch_nnapi/libs/android.{abi}"
        made[f"{prefab}/abi.json"] = _json(
            {"abi": abi, "api": API_LEVEL, "ndk": 27, "stl": "c++_static", "static": False}
        )
        made[f"{prefab}/libtorch_nnapi.so"] = (folder / "libtorch_nnapi.so").read_bytes()
    return made


def _manifest() -> bytes:
    """The library's manifest with what Gradle would add: its package, and the oldest Android."""
    text = (LIBRARY / "src" / "main" / "AndroidManifest.xml").read_text()
    opening = '<manifest xmlns:android="http://schemas.android.com/apk/res/android">'
    if opening not in text:
        raise BuildError("AndroidManifest.xml does not begin as this script knows it")
    return text.replace(
        opening,
        f'{opening[:-1]} package="{PACKAGE}">\n    <uses-sdk android:minSdkVersion="{API_LEVEL}" />',
    ).encode()


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()


def _add(archive: zipfile.ZipFile, inside: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(inside, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, data)


def _built_before(text: str) -> tuple[str, Path]:
    abi, _, name = text.partition("=")
    folder = Path(name)
    if abi not in ABIS or not name:
        raise BuildError(
            f"--libraries {text}: it is ABI=FOLDER, and the ABI one of {', '.join(ABIS)}"
        )
    for library in SHARED_OBJECTS:
        if not (folder / library).is_file():
            raise BuildError(f"--libraries {text}: {folder / library} is missing")
    return abi, folder


def _own_abi() -> str:
    machine = platform.machine()
    abis = {"x86_64": "x86_64", "aarch64": "arm64-v8a", "arm64": "arm64-v8a"}
    if machine not in abis:
        raise BuildError(f"--host: Android has no ABI for {machine}")
    return abis[machine]


def _one(paths: Iterable[Path], what: str) -> Path:
    first = next(iter(paths), None)
    if first is None:
        raise BuildError(f"{what} is missing")
    return first


def _run(*command: object) -> None:
    words = [str(word) for word in command]
    if shutil.which(words[0]) is None:
        raise BuildError(f"{words[0]} is missing: it must be on the PATH")
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise BuildError(f"{' '.join(words)} failed:\n{done.stdout[-4000:]}")


if __name__ == "__main__":
    sys.exit(main())
