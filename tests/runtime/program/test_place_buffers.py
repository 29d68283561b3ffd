"""The memory planner alone: buffers in use at the same time never share a byte."""

from __future__ import annotations

from ctypes import byref, c_uint32, c_uint64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.runtime import c_api
from tests.runtime.c_api import codes, library

ALIGNMENT = 64

# (bytes, first step, number of further steps); shrinks towards few small buffers in use at once.
uses = st.lists(
    st.tuples(st.integers(0, 5000), st.integers(0, 40), st.integers(0, 12)), max_size=60
)


def plan(buffers: list[tuple[int, int, int]]) -> tuple[list[int], int]:
    count = len(buffers)
    offsets, peak = (c_uint64 * max(count, 1))(), c_uint64()
    result = library().nnapi_host_plan_memory(
        count,
        (c_uint64 * max(count, 1))(*[b for b, _, _ in buffers]),
        (c_uint32 * max(count, 1))(*[f for _, f, _ in buffers]),
        (c_uint32 * max(count, 1))(*[f + n for _, f, n in buffers]),
        offsets,
        byref(peak),
    )
    assert result == codes.NO_ERROR
    return list(offsets)[:count], peak.value


def rounded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


@given(uses)
def test_live_buffers_never_overlap(buffers: list[tuple[int, int, int]]) -> None:
    offsets, peak = plan(buffers)
    for i, (size, first, more) in enumerate(buffers):
        assert offsets[i] % ALIGNMENT == 0
        assert offsets[i] + size <= peak
        for j in range(i):
            other, other_first, other_more = buffers[j]
            together = first <= other_first + other_more and other_first <= first + more
            apart = offsets[i] + size <= offsets[j] or offsets[j] + other <= offsets[i]
            assert apart or not together or size == 0 or other == 0


@given(uses)
def test_peak_lies_between_what_is_live_at_once_and_all(
    buffers: list[tuple[int, int, int]],
) -> None:
    _, peak = plan(buffers)
    steps = range(60)
    live = [sum(rounded(b) for b, f, n in buffers if f <= step <= f + n) for step in steps]
    assert max(live) <= peak <= sum(rounded(b) for b, _, _ in buffers)


@given(st.integers(1, 30), st.integers(1, 3000))
def test_a_chain_takes_two_buffers(length: int, size: int) -> None:
    """Each result is read by the next step alone, so no more than two are ever needed."""
    _, peak = plan([(size, step, 1) for step in range(length)])
    assert peak == rounded(size) * min(length, 2)


# The last result is the client's. What elementwise operations hand on has no memory as a whole.
@pytest.mark.parametrize(("operation", "expected"), [("TRANSPOSE", 2 * 1024), ("ABS", 0)])
def test_a_compilation_states_its_figures(operation: str, expected: int) -> None:
    model = c_api.Model()
    first = value = model.floats(16, 16)
    turned = [model.constant(codes.TENSOR_INT32, np.array([1, 0], "i4"))]
    for _ in range(8):
        following = model.floats(16, 16)
        model.operation(operation, [value, *turned * (operation == "TRANSPOSE")], [following])
        value = following
    model.finish([first], [value])
    compilation = c_api.compile_model(model)
    peak, total = c_uint64(), c_uint64()
    assert library().nnapi_host_compilation_memory(compilation, byref(peak), byref(total)) == 0
    assert (peak.value, total.value) == (expected, 7 * 1024)
    c_api.free("Compilation", compilation)
    model.free()


# Parts that are whole rows of what is split lie in it; others are copied.
@pytest.mark.parametrize(("axis", "peak"), [(0, 1024), (1, 2 * 1024)])
def test_parts_lie_in_what_is_split(axis: int, peak: int) -> None:
    model = c_api.Model()
    x, turned = model.floats(16, 16), model.floats(16, 16)
    shape = (8, 16) if axis == 0 else (16, 8)
    parts = [model.floats(*shape) for _ in range(2)]
    results = [model.floats(*reversed(shape)) for _ in range(2)]
    order = model.constant(codes.TENSOR_INT32, np.array([1, 0], "i4"))
    model.operation("TRANSPOSE", [x, order], [turned])
    model.operation("SPLIT", [turned, model.int32(axis), model.int32(2)], parts)
    for part, result in zip(parts, results, strict=True):
        model.operation("TRANSPOSE", [part, order], [result])
    model.finish([x], results)
    compilation = c_api.compile_model(model)
    found, total = c_uint64(), c_uint64()
    assert library().nnapi_host_compilation_memory(compilation, byref(found), byref(total)) == 0
    assert (found.value, total.value) == (peak, 2 * 1024)
    values = np.arange(256, dtype=np.float32).reshape(16, 16)
    outputs = [np.zeros(shape[::-1], np.float32) for _ in range(2)]
    with c_api.execution(compilation) as run:
        assert c_api.set_input(run, 0, values) == "NO_ERROR"
        for index, output in enumerate(outputs):
            assert c_api.set_output(run, index, output) == "NO_ERROR"
        c_api.good("Execution_compute", run)
    for output, expected in zip(outputs, np.split(values.T, 2, axis), strict=True):
        np.testing.assert_array_equal(output, expected.T)
    c_api.free("Compilation", compilation)
    model.free()
