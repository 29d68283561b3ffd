"""The host library as a whole: what it exports, and that null and dead handles are refused."""

from __future__ import annotations

import ctypes
import subprocess
from ctypes import byref, c_bool, c_char_p, c_int32, c_int64, c_uint32, c_void_p

import pytest

from tests.runtime import c_api
from tests.runtime.c_api import HEADERS, call, codes, declared, good, library

PREFIX = "ANeuralNetworks"
NUMBERS = {  # functions that return a number, not a result code
    "ANeuralNetworks_getRuntimeFeatureLevel": 1000008,
    "ANeuralNetworks_getDefaultLoopTimeout": 2_000_000_000,
    "ANeuralNetworks_getMaximumLoopTimeout": 15_000_000_000,
}


def test_all_functions_are_there() -> None:
    assert len(declared()) == 75
    assert all(hasattr(library(), name) for name in declared())


def test_all_operations_are_implemented() -> None:
    names = {code: library().nnapi_host_operation_name(code) for code in range(106)}
    assert [code for code, name in names.items() if name is None] == []
    assert all(getattr(codes, name.decode()) == code for code, name in names.items())
    assert library().nnapi_host_operation_name(106) is None
    assert library().nnapi_host_operation_name(-1) is None


@pytest.mark.parametrize("name", sorted(declared()))
def test_null_arguments_are_refused(name: str) -> None:
    result, types = declared()[name]
    returned = getattr(library(), name)(*[None if t is c_void_p else t(0) for t in types])
    if name in NUMBERS:
        assert returned == NUMBERS[name]
    elif result is not None:  # freeing null does nothing
        assert returned == codes.UNEXPECTED_NULL
        assert "null" in c_api.last_error()


def test_the_headers_are_c() -> None:
    source = '#include "nnapi/neural_networks.h"\n#include "nnapi/host_extras.h"\nint main(void){return 0;}'
    command = ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-xc", "-fsyntax-only", "-"]
    subprocess.run([*command, f"-I{HEADERS.parent}"], input=source, text=True, check=True)


def test_freed_handles_are_refused() -> None:
    model = c_api.adder(2)
    dead = c_void_p(model.handle.value)
    model.free()
    assert call("Model_finish", dead) == "BAD_STATE"
    c_api.free("Model", dead)  # a second time: noticed, nothing happens
    assert call("Model_finish", dead) == "BAD_STATE"
    assert "freed" in c_api.last_error()


def test_handles_of_another_kind_are_refused() -> None:
    model = c_api.adder(2)
    assert call("Compilation_finish", model.handle) == "BAD_STATE"
    model.free()


def test_objects_outlive_the_handles_of_what_they_were_made_of() -> None:
    model = c_api.adder(2)
    compilation = c_api.compile_model(model)
    with c_api.execution(compilation) as run:
        model.free()
        c_api.free("Compilation", compilation)
        a, b, total = (c_api.np.full(2, v, "f4") for v in (1, 2, 0))
        c_api.set_input(run, 0, a)
        c_api.set_input(run, 1, b)
        c_api.set_output(run, 0, total)
        good("Execution_compute", run)
        assert total.tolist() == [3, 3]


def test_the_device_is_honest() -> None:
    count, name, version = c_uint32(), c_char_p(), c_char_p()
    kind, level = c_int32(), c_int64()
    good("_getDeviceCount", byref(count))
    assert count.value == 1
    device = c_api.device()
    assert call("_getDevice", 1, byref(c_void_p())) == "BAD_DATA"
    good("Device_getName", device, byref(name))
    good("Device_getVersion", device, byref(version))
    good("Device_getType", device, byref(kind))
    good("Device_getFeatureLevel", device, byref(level))
    good("Device_wait", device)
    assert name.value == b"torch-nnapi-host"
    assert version.value
    assert kind.value == codes.DEVICE_CPU
    assert level.value == codes.FEATURE_LEVEL_8


def test_supported_operations() -> None:
    model = c_api.adder(2)
    device, supported = c_api.device(), (c_bool * 1)()
    devices = (c_void_p * 2)(device, device)
    ask = "Model_getSupportedOperationsForDevices"
    good(ask, model.handle, devices, 1, supported)
    assert list(supported) == [True]
    assert call(ask, model.handle, devices, 0, supported) == "BAD_DATA"
    assert call(ask, model.handle, devices, 2, supported) == "BAD_DATA"  # listed twice
    assert call(ask, model.handle, (c_void_p * 1)(1234), 1, supported) == "BAD_DATA"
    unfinished = c_api.Model()
    assert call(ask, unfinished.handle, devices, 1, supported) == "BAD_STATE"
    unfinished.free()
    model.free()


def test_an_extension_that_nobody_registered() -> None:
    supported, code = c_bool(True), c_int32()
    good("Device_getExtensionSupport", c_api.device(), b"com.example", byref(supported))
    assert not supported.value
    model = c_api.Model()
    index = model.floats(2)
    name = b"com.example"
    assert call("Model_getExtensionOperandType", model.handle, name, 0, byref(code)) == "BAD_DATA"
    assert call("Model_getExtensionOperationType", model.handle, name, 0, byref(code)) == "BAD_DATA"
    assert call("Model_setOperandExtensionData", model.handle, index, None, 0) == "BAD_DATA"
    model.free()
    model = c_api.adder(2)
    compilation = c_api.new_compilation(model)
    add = "Compilation_addExtensionAttribute"
    assert call(add, compilation, name, 0, None, 0) == "BAD_DATA"
    good("Compilation_finish", compilation)
    assert call(add, compilation, name, 0, None, 0) == "BAD_STATE"
    with c_api.execution(compilation) as run:
        assert call("Execution_addExtensionAttribute", run, name, 0, None, 0) == "BAD_DATA"
    c_api.free("Compilation", compilation)
    model.free()


def test_hardware_buffers_are_refused() -> None:
    memory, buffer = c_void_p(1), ctypes.create_string_buffer(8)
    assert call("Memory_createFromAHardwareBuffer", buffer, byref(memory)) == "UNMAPPABLE"
    assert memory.value is None
