"""The file of simulated devices: read as it is meant, or refused with one line that says what and where."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnapi_runtime
from tests.runtime import c_api

GOOD: dict[str, Any] = {
    "name": "npu",
    "type": "accelerator",
    "version": "2.1",
    "feature_level": 29,
    "profile": {"name": "p", "feature_level": 30, "operations": {"ADD": ["TENSOR_FLOAT32"]}},
    "caching": True,
    "memories": False,
    "durations": "driver",
    "faults": [
        {"kind": "error", "at": "prepare", "after": 3, "code": "DEAD_OBJECT"},
        {"kind": "hang", "seconds": 0.5, "honours_deadline": True},
        {"kind": "abort", "after": 100},
        {"kind": "wrong", "operation": "ADD", "steps": 3},
    ],
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The good device, with another value somewhere; None: without the key."""
    device = json.loads(json.dumps(GOOD))
    *places, last = path.split(".")
    target = device
    for place in places:
        target = target[int(place) if place.isdigit() else place]
    if value is None:
        del target[last]
    else:
        target[last] = value
    return device


# What stands in the file's only device, and what the error says.
WRONG = [
    ("name", "", "file.devices[0].name is '', not a name"),
    ("name", 7, "file.devices[0].name is 7, not a text"),
    ("name", "torch-nnapi-host", "file.devices[0]: there is a device torch-nnapi-host already"),
    ("type", None, "file.devices[0] lacks 'type'"),
    ("type", "npu", "file.devices[0].type is 'npu', not one of unknown, other, cpu, gpu, accelerator"),
    ("colour", "red", "file.devices[0].colour means nothing here; known are name, type, version"),
    ("feature_level", 26, "file.devices[0].feature_level is 26, not a feature level"),
    ("feature_level", "29", "file.devices[0].feature_level is '29', not an integer"),
    ("profile.feature_level", None, "file.devices[0].profile lacks 'feature_level'"),
    ("profile.operations.SQUARE", [], "SQUARE is none"),
    ("profile.operations.ADD", ["FLOAT32"], "operations.ADD[0] is 'FLOAT32', not a type of tensors"),
    ("profile.operations", [], "profile.operations is [], not an object"),
    ("profile", "missing.json", "file.devices[0].profile: {folder}/missing.json: cannot be read"),
    ("profile", ".", "is a directory"),
    ("durations", "all", "file.devices[0].durations is 'all', not one of none, driver, both"),
    ("caching", 1, "file.devices[0].caching is 1, not true or false"),
    ("faults.0.kind", "explode", "faults[0].kind is 'explode', not one of error, hang, abort, wrong"),
    ("faults.0.at", "night", "faults[0].at is 'night', not one of prepare, run"),
    ("faults.0.code", "NO_ERROR", "faults[0].code is 'NO_ERROR', not one of OP_FAILED"),
    ("faults.0.after", -1, "faults[0].after is -1, not an integer from 0"),
    ("faults.0.seconds", 1, "faults[0].seconds means nothing here"),
    ("faults.1.seconds", None, "faults[1] lacks 'seconds'"),
    ("faults.1.seconds", -0.5, "faults[1].seconds is -0.5, not a number of seconds"),
    ("faults.1.seconds", 1e300, "faults[1].seconds is 1e+300, not a number of seconds"),
    ("faults.2.steps", 1, "faults[2].steps means nothing here; known are kind, at, after"),
    ("faults.3.operation", "SQUARE", "faults[3].operation is 'SQUARE', not of an operation"),
    ("faults.3.operation", "WHILE", "faults[3].operation is 'WHILE', not an operation that computes"),
    ("faults.3.steps", 1.5, "faults[3].steps is 1.5, not an integer"),
    ("faults.3.after", 1, "faults[3].after means nothing here; known are kind, operation, steps"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def devices_afterwards() -> Iterator[None]:
    yield
    assert set_devices(None) == "NO_ERROR"


def set_devices(path: Path | None) -> str:
    argument = None if path is None else str(path).encode()
    return c_api.NAMES[c_api.library().nnapi_host_set_devices(argument)]


def try_text(text: str | bytes, folder: Path) -> str:
    file = folder / "devices.json"
    file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    return set_devices(file)


def try_device(device: Any, folder: Path) -> str:
    return try_text(json.dumps({"devices": [device]}), folder)


def test_the_good_device_is_read(tmp_path: Path) -> None:
    assert try_device(GOOD, tmp_path) == "NO_ERROR"


@pytest.mark.parametrize(("place", "value", "said"), WRONG)
def test_what_is_wrong_is_said_with_its_place(
    place: str, value: Any, said: str, tmp_path: Path
) -> None:
    assert try_device(changed(place, value), tmp_path) == "BAD_DATA"
    error = c_api.last_error()
    assert said.format(folder=tmp_path) in error
    assert error.startswith(f"set_devices: the devices of {tmp_path}/devices.json: ")
    assert "\n" not in error
    # Until there is a good file, nothing is compiled.
    assert c_api.call("_getDeviceCount", c_api.byref(c_api.c_uint32())) == "BAD_DATA"
    assert said.format(folder=tmp_path) in c_api.last_error()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not JSON"),
        ("[]", "is not a JSON object"),
        ("{}", "file lacks 'devices'"),
        ('{"devices": {}}', "file.devices is {}, not a list"),
        ('{"devices": [], "more": 1}', "file.more means nothing here; known are devices"),
        ('{"devices": ' + "[" * 10_000, "nested too deeply"),
        ('{"devices": [' + '{"name": "a", "type": "gpu"},' * 2 + "{}]}", "there is a device a already"),
        (json.dumps({"devices": [{"name": str(i), "type": "gpu"} for i in range(65)]}), "at most 64"),
        (b'{"devices": ["\xff"]}', "is not JSON"),
        (" " * (16 << 20) + "{}", "the limit"),
    ],
)  # fmt: skip
def test_texts_that_are_no_list_of_devices(text: str | bytes, said: str, tmp_path: Path) -> None:
    assert try_text(text, tmp_path) == "BAD_DATA"
    assert said in c_api.last_error()


@pytest.mark.parametrize("path", ["", "/", "/nowhere/devices.json", "a\n.json"])
def test_files_that_cannot_be_read(path: str) -> None:
    assert set_devices(Path(path) if path else Path("./")) == "BAD_DATA"
    assert "\n" not in c_api.last_error()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["error", "hang", "abort", "wrong", "ADD", "TENSOR_FLOAT32", "run", "npu", "gpu"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@st.composite
def damaged_devices(draw: st.DrawFn) -> str:
    """The good device with something else at one place."""
    device = json.loads(json.dumps(GOOD))
    target: Any = device
    while True:
        keys = list(target) if isinstance(target, dict) else list(range(len(target)))
        if not keys:
            break
        key = draw(st.sampled_from(keys))
        if isinstance(target[key], (dict, list)) and draw(st.booleans()):
            target = target[key]
            continue
        target[key] = draw(JSON)
        break
    return json.dumps({"devices": [device]})


@given(damaged_devices())
def test_damaged_devices_are_read_or_refused(text: str) -> None:
    # In a folder of its own for the whole run: hypothesis wants no fixture for each example.
    file = Path(f"/tmp/damaged_devices.{os.getpid()}.json")
    file.write_text(text)
    try:
        result = set_devices(file)
    finally:
        file.unlink()
    assert result in ("NO_ERROR", "BAD_DATA")
    if result == "BAD_DATA":
        assert "file.devices" in c_api.last_error() or "is not JSON" in c_api.last_error()


LIST = """
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
library.nnapi_host_last_error.restype = ctypes.c_char_p
count, device, name = ctypes.c_uint32(), ctypes.c_void_p(), ctypes.c_char_p()
code = library.ANeuralNetworks_getDeviceCount(ctypes.byref(count))
print(code, library.nnapi_host_last_error().decode())
for i in range(count.value):
    library.ANeuralNetworks_getDevice(i, ctypes.byref(device))
    library.ANeuralNetworksDevice_getName(device, ctypes.byref(name))
    print(name.value.decode())
"""


def listed(environment: dict[str, str]) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", LIST, str(nnapi_runtime.host_library())],
        env={**os.environ, **environment}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


def test_the_environment_names_the_file(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps({"devices": [GOOD, {"name": "gpu", "type": "gpu"}]}))
    bad.write_text('{"devices": 3}')
    assert listed({}) == ["0 ", "torch-nnapi-host"]
    assert listed({"NNAPI_HOST_DEVICES": ""}) == ["0 ", "torch-nnapi-host"]
    assert listed({"NNAPI_HOST_DEVICES": str(good)}) == ["0 ", "npu", "gpu", "torch-nnapi-host"]
    (only,) = listed({"NNAPI_HOST_DEVICES": str(bad)})
    assert only == f"4 getDeviceCount: the devices of {bad}: file.devices is 3, not a list"
