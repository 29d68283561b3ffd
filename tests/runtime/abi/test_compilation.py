"""Compilations: their states, settings, what they prefer, threads and the cache."""

from __future__ import annotations

import tempfile
from ctypes import byref, c_uint32, c_void_p
from pathlib import Path

import numpy as np
import pytest

from tests.runtime import c_api
from tests.runtime.c_api import Model, call, codes, good, library, set_input, set_output

X = np.array([1, 2, 3, 4], "f4")


def test_a_compilation_is_finished_once(compilation: c_void_p) -> None:
    calls = [
        ("Compilation_finish", compilation),
        ("Compilation_setPreference", compilation, codes.PREFER_LOW_POWER),
        ("Compilation_setPriority", compilation, codes.PRIORITY_HIGH),
        ("Compilation_setTimeout", compilation, 1),
        ("Compilation_setCaching", compilation, b"/tmp", bytes(32)),
    ]
    assert [call(*c) for c in calls] == ["BAD_STATE"] * len(calls)
    assert library().nnapi_host_compilation_set_num_threads(compilation, 1) == codes.BAD_STATE


def test_settings_of_a_compilation() -> None:
    model = c_api.adder(4)
    handle = c_api.new_compilation(model)
    assert call("Execution_create", handle, byref(c_void_p())) == "BAD_STATE"
    assert call("Burst_create", handle, byref(c_void_p())) == "BAD_STATE"
    value = c_uint32()
    alignment = "Compilation_getPreferredMemoryAlignmentForInput"
    assert call(alignment, handle, 0, byref(value)) == "BAD_STATE"
    for preference in range(3):
        good("Compilation_setPreference", handle, preference)
    assert call("Compilation_setPreference", handle, 3) == "BAD_DATA"
    assert call("Compilation_setPreference", handle, -1) == "BAD_DATA"
    for priority in (90, 100, 110):
        good("Compilation_setPriority", handle, priority)
    assert call("Compilation_setPriority", handle, 95) == "BAD_DATA"
    assert call("Compilation_setTimeout", handle, 10**9) == "BAD_DATA"  # not for one device
    c_api.free("Compilation", handle)
    handle = c_api.new_compilation(model, explicit_device=True)
    good("Compilation_setTimeout", handle, 1)  # a nanosecond
    assert call("Compilation_finish", handle) == "MISSED_DEADLINE_TRANSIENT"
    assert call("Execution_create", handle, byref(c_void_p())) == "BAD_STATE"
    c_api.free("Compilation", handle)
    model.free()


def test_preferred_alignment_and_padding(compilation: c_void_p) -> None:
    value = c_uint32()
    for side, count in (("Input", 2), ("Output", 1)):
        for what in ("Alignment", "Padding"):
            ask = f"Compilation_getPreferredMemory{what}For{side}"
            for index in range(count):
                good(ask, compilation, index, byref(value))
                assert value.value > 0
                assert value.value & (value.value - 1) == 0
            assert call(ask, compilation, count, byref(value)) == "BAD_DATA"


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_number_of_threads_changes_no_result(threads: int) -> None:
    model = c_api.adder(300, 400)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 300, 400)).astype("f4")
    total = np.zeros((300, 400), "f4")
    handle = c_api.new_compilation(model)
    assert library().nnapi_host_compilation_set_num_threads(handle, threads) == 0
    good("Compilation_finish", handle)
    with c_api.execution(handle) as run:
        set_input(run, 0, x)
        set_input(run, 1, y)
        set_output(run, 0, total)
        good("Execution_compute", run)
    assert np.array_equal(total, x + y)
    c_api.free("Compilation", handle)
    model.free()


def cached(directory: str, token: bytes, constant: float) -> None:
    """Compiles x + constant with a cache, and checks what it computes."""
    model = Model()
    x, out, activation = model.floats(4), model.floats(4), model.int32(0)
    y = model.constant(codes.TENSOR_FLOAT32, np.full(4, constant, "f4"))
    model.operation("ADD", [x, y, activation], [out])
    model.finish([x], [out])
    handle = c_api.new_compilation(model)
    good("Compilation_setCaching", handle, directory.encode(), token)
    good("Compilation_finish", handle)
    total = np.zeros(4, "f4")
    with c_api.execution(handle) as run:
        set_input(run, 0, X)
        set_output(run, 0, total)
        good("Execution_compute", run)
    assert np.array_equal(total, X + np.float32(constant))
    c_api.free("Compilation", handle)
    model.free()


def test_caching() -> None:
    """A cache is written once for a model; a damaged one, or another model's, is replaced."""
    token = bytes(range(32))
    with tempfile.TemporaryDirectory() as directory:
        cached(directory, token, 5)
        (file,) = Path(directory).iterdir()
        content, time = file.read_bytes(), file.stat().st_mtime_ns
        assert token.hex() in file.name
        cached(directory, token, 5)
        assert file.stat().st_mtime_ns == time
        cached(directory, token, 6)
        assert file.read_bytes() != content
        file.write_bytes(content[:7])
        cached(directory, token, 5)
        assert file.read_bytes() == content
        assert list(Path(directory).iterdir()) == [file]
    cached(directory, token, 5)  # the directory is gone: no cache, no error
