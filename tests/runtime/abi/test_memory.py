"""Memories: mapped files, and buffers made from a descriptor."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import byref, c_void_p

import numpy as np
import pytest

from tests.runtime import c_api
from tests.runtime.c_api import Model, call, codes, good, operand_type, set_input, set_output, u32

READ, WRITE = 1, 2
X = np.array([1, 2, 3, 4], "f4")
Y = np.array([10, 20, 30, 40], "f4")


@contextmanager
def mapped(
    content: bytes, offset: int = 0, protection: int = READ | WRITE
) -> Iterator[tuple[c_void_p, int]]:
    """A memory over a file's bytes from an offset on, and the file's descriptor."""
    fd = os.memfd_create("memory")
    os.write(fd, content)
    handle = c_void_p()
    good("Memory_createFromFd", len(content) - offset, protection, fd, offset, byref(handle))
    yield handle, fd
    c_api.free("Memory", handle)
    os.close(fd)


@pytest.fixture
def compilation() -> Iterator[c_void_p]:
    model = c_api.adder(4)
    handle = c_api.compile_model(model)
    yield handle
    c_api.free("Compilation", handle)
    model.free()


def described(
    compilation: c_void_p, *roles: tuple[str, int], dims: tuple[int, ...] = ()
) -> c_void_p:
    """A memory for these roles, such as ("Input", 0)."""
    desc, memory = c_void_p(), c_void_p()
    good("MemoryDesc_create", byref(desc))
    for side, index in roles:
        good(f"MemoryDesc_add{side}Role", desc, compilation, index, 1.0)
    if dims:
        good("MemoryDesc_setDimensions", desc, len(dims), u32(*dims))
    good("MemoryDesc_finish", desc)
    good("Memory_createFromDesc", desc, byref(memory))
    c_api.free("MemoryDesc", desc)
    return memory


def add(compilation: c_void_p, a: c_void_p, b: c_void_p, out: c_void_p) -> str:
    """Computes with memories made from descriptors."""
    with c_api.execution(compilation) as run:
        for index, memory in enumerate((a, b)):
            good("Execution_setInputFromMemory", run, index, None, memory, 0, 0)
        good("Execution_setOutputFromMemory", run, 0, None, out, 0, 0)
        return call("Execution_compute", run)


def test_arguments_in_a_file(compilation: c_void_p) -> None:
    with mapped(b"\1" * 8 + X.tobytes() + Y.tobytes() + bytes(16)) as (memory, fd):
        with c_api.execution(compilation) as run:
            good("Execution_setInputFromMemory", run, 0, None, memory, 8, 16)
            good("Execution_setInputFromMemory", run, 1, None, memory, 24, 16)
            good("Execution_setOutputFromMemory", run, 0, None, memory, 40, 16)
            good("Execution_compute", run)
        assert np.array_equal(np.frombuffer(os.pread(fd, 16, 40), "f4"), X + Y)


@pytest.mark.parametrize(("offset", "length"), [(0, 0), (0, 12), (8, 16), (2**63, 16), (17, 2**63)])
def test_ranges_are_checked(compilation: c_void_p, offset: int, length: int) -> None:
    with mapped(bytes(20)) as (memory, _), c_api.execution(compilation) as run:
        for side in ("Input", "Output"):
            function = f"Execution_set{side}FromMemory"
            assert call(function, run, 0, None, memory, offset, length) == "BAD_DATA"


def test_a_file_may_begin_anywhere(compilation: c_void_p) -> None:
    with mapped(b"123" + X.tobytes(), offset=3) as (memory, _), c_api.execution(compilation) as run:
        total = np.zeros(4, "f4")
        good("Execution_setInputFromMemory", run, 0, None, memory, 0, 16)
        set_input(run, 1, Y)
        set_output(run, 0, total)
        good("Execution_compute", run)
        assert np.array_equal(total, X + Y)


def test_read_only_files_take_no_output(compilation: c_void_p) -> None:
    with mapped(bytes(16), protection=READ) as (memory, _), c_api.execution(compilation) as run:
        good("Execution_setInputFromMemory", run, 0, None, memory, 0, 16)
        result = call("Execution_setOutputFromMemory", run, 0, None, memory, 0, 16)
        assert result == "BAD_DATA"


def test_what_cannot_be_mapped() -> None:
    memory, fd = c_void_p(), os.memfd_create("short")
    os.write(fd, bytes(8))
    create = "Memory_createFromFd"
    assert call(create, 16, READ, fd, 0, byref(memory)) == "UNMAPPABLE"  # longer than the file
    assert call(create, 8, READ, 987, 0, byref(memory)) == "UNMAPPABLE"
    assert call(create, 0, READ, fd, 0, byref(memory)) == "BAD_DATA"
    assert call(create, 8, READ, -1, 0, byref(memory)) == "BAD_DATA"
    assert call(create, 8, 4, fd, 0, byref(memory)) == "BAD_DATA"
    assert call(create, 2**64 - 1, READ, fd, 2**64 - 1, byref(memory)) == "BAD_DATA"
    assert memory.value is None
    os.close(fd)


def test_constants_in_a_file_outlive_the_handle() -> None:
    model = Model()
    a, b, out, activation = model.floats(4), model.floats(4), model.floats(4), model.int32(0)
    set_value = "Model_setOperandValueFromMemory"
    with mapped(bytes(4) + Y.tobytes()) as (memory, _):
        assert call(set_value, model.handle, b, memory, 8, 16) == "BAD_DATA"
        assert call(set_value, model.handle, b, memory, 4, 12) == "BAD_DATA"
        good(set_value, model.handle, b, memory, 4, 16)
    model.operation("ADD", [a, b, activation], [out])
    model.finish([a], [out])
    compilation = c_api.compile_model(model)
    total = np.zeros(4, "f4")
    with c_api.execution(compilation) as run:
        set_input(run, 0, X)
        set_output(run, 0, total)
        good("Execution_compute", run)
    assert np.array_equal(total, X + Y)
    c_api.free("Compilation", compilation)
    model.free()


def test_results_stay_in_a_described_memory(compilation: c_void_p) -> None:
    """Four times a sum is fed back, without the client seeing it in between."""
    state = described(compilation, ("Input", 0), ("Output", 0))
    step = described(compilation, ("Input", 1))
    result = described(compilation, ("Output", 0), ("Input", 0))
    with mapped(X.tobytes()) as (start, _), mapped(Y.tobytes()) as (y, _):
        assert add(compilation, state, step, result) == "OP_FAILED"  # nothing was written yet
        good("Memory_copy", start, state)
        good("Memory_copy", y, step)
        for _ in range(2):
            assert add(compilation, state, step, result) == "NO_ERROR"
            assert add(compilation, result, step, state) == "NO_ERROR"
        with mapped(bytes(16)) as (end, fd):
            good("Memory_copy", state, end)
            assert np.array_equal(np.frombuffer(os.pread(fd, 16, 0), "f4"), X + 4 * Y)
    for memory in (state, step, result):
        c_api.free("Memory", memory)


def test_roles_are_kept_to(compilation: c_void_p) -> None:
    memory = described(compilation, ("Input", 0))
    model = Model()
    index = model.floats(4)
    assert call("Model_setOperandValueFromMemory", model.handle, index, memory, 0, 16) == "BAD_DATA"
    model.free()
    with c_api.execution(compilation) as run:
        assert call("Execution_setInputFromMemory", run, 1, None, memory, 0, 0) == "BAD_DATA"
        assert call("Execution_setInputFromMemory", run, 0, None, memory, 0, 16) == "BAD_DATA"
        assert call("Execution_setOutputFromMemory", run, 0, None, memory, 0, 0) == "BAD_DATA"
        good("Execution_setInputFromMemory", run, 0, None, memory, 0, 0)
    c_api.free("Memory", memory)


def test_descriptors(compilation: c_void_p) -> None:
    desc, memory = c_void_p(), c_void_p()
    good("MemoryDesc_create", byref(desc))
    assert call("MemoryDesc_finish", desc) == "BAD_DATA"  # no role
    assert call("Memory_createFromDesc", desc, byref(memory)) == "BAD_STATE"
    role = "MemoryDesc_addInputRole"
    assert call(role, desc, compilation, 2, 1.0) == "BAD_DATA"
    assert call(role, desc, compilation, 0, 0.0) == "BAD_DATA"
    assert call(role, desc, compilation, 0, 1.5) == "BAD_DATA"
    assert call(role, desc, compilation, 0, float("nan")) == "BAD_DATA"
    good(role, desc, compilation, 0, 0.5)
    assert call(role, desc, compilation, 0, 0.5) == "BAD_DATA"
    assert call("MemoryDesc_setDimensions", desc, 1, u32(5)) == "BAD_DATA"
    good("MemoryDesc_setDimensions", desc, 1, u32(4))
    good("MemoryDesc_finish", desc)
    for function in ("MemoryDesc_finish", "MemoryDesc_setDimensions", role):
        extra = {"MemoryDesc_finish": (), role: (compilation, 1, 1.0)}.get(function, (1, u32(4)))
        assert call(function, desc, *extra) == "BAD_STATE"
    c_api.free("MemoryDesc", desc)


def test_copies_need_equal_sizes_and_types(compilation: c_void_p) -> None:
    memory = described(compilation, ("Input", 0))
    with (
        mapped(bytes(12)) as (short, _),
        mapped(bytes(16)) as (equal, _),
        mapped(bytes(16), protection=READ) as (fixed, _),
    ):
        assert call("Memory_copy", short, memory) == "BAD_DATA"
        assert call("Memory_copy", short, equal) == "BAD_DATA"
        assert call("Memory_copy", memory, equal) == "BAD_DATA"  # nothing was written to it
        good("Memory_copy", equal, memory)
        assert call("Memory_copy", memory, fixed) == "BAD_DATA"
        good("Memory_copy", memory, memory)
    c_api.free("Memory", memory)


def test_a_memory_of_unknown_size_takes_the_result_as_it_comes() -> None:
    model = c_api.adder(0, output=(0,))
    compilation = c_api.compile_model(model)
    result = described(compilation, ("Output", 0), ("Input", 0))
    for count in (4, 2):
        with c_api.execution(compilation) as run:
            set_input(run, 0, X[:count], (count,))
            set_input(run, 1, Y[:count], (count,))
            good("Execution_setOutputFromMemory", run, 0, None, result, 0, 0)
            good("Execution_compute", run)
        total = np.zeros(count, "f4")
        for announced, expected in ((count + 1, "OP_FAILED"), (count, "NO_ERROR")):
            kind = operand_type(codes.TENSOR_FLOAT32, (announced,))
            with c_api.execution(compilation) as run:
                good("Execution_setInputFromMemory", run, 0, byref(kind), result, 0, 0)
                set_input(run, 1, np.zeros(announced, "f4"), (announced,))
                set_output(run, 0, total)
                assert call("Execution_compute", run) == expected
        assert np.array_equal(total, (X + Y)[:count])
    c_api.free("Memory", result)
    c_api.free("Compilation", compilation)
    model.free()
