"""Deadlines hold within an operation, not only between two: of a computation, and of a loop."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tests.runtime import c_api
from tests.runtime.c_api import Model, call, codes, good, set_input, set_output

SIZE = 1024


def pooling(kind: str, size: int) -> Model:
    """A window as large as the image around every pixel: some 10^12 steps at 1024."""
    model = Model()
    x, y = model.floats(1, size, size, 1), model.floats(1, size, size, 1)
    half = size // 2
    numbers = [half, size - 1 - half, half, size - 1 - half, 1, 1, size, size, 0]
    model.operation(kind, [x, *map(model.int32, numbers)], [y])
    return model.finish([x], [y])


def product(size: int) -> Model:
    model = Model()
    a, b, y = (model.floats(8, size, size) for _ in range(3))
    no = model.constant(codes.BOOL, np.array(False))
    model.operation("BATCH_MATMUL", [a, b, no, no], [y])
    return model.finish([a, b], [y])


def timed(
    model: Model, shapes: list[tuple[int, ...]], out: tuple[int, ...], seconds: float
) -> float:
    """How long a computation took that was given so many seconds; it must have missed them."""
    compilation = c_api.compile_model(model, explicit_device=True)
    with c_api.execution(compilation) as run:
        for index, shape in enumerate(shapes):
            assert set_input(run, index, np.ones(shape, "f4")) == "NO_ERROR"
        assert set_output(run, 0, np.zeros(out, "f4")) == "NO_ERROR"
        good("Execution_setTimeout", run, int(seconds * 1e9))
        start = time.monotonic()
        assert call("Execution_compute", run) == "MISSED_DEADLINE_TRANSIENT"
        took = time.monotonic() - start
        assert "within this operation" in c_api.last_error()
    c_api.free("Compilation", compilation)
    model.free()
    return took


# The machine that tests run on may do other things; an operation that is not ended takes minutes.
@pytest.mark.parametrize("kind", ["AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"])
def test_a_pooling_window_is_left(kind: str) -> None:
    shape = (1, SIZE, SIZE, 1)
    took = timed(pooling(kind, SIZE), [shape], shape, 0.05)
    print(f"{kind}: {took:.3f} s")
    assert 0.05 <= took < 5


def test_a_product_is_left() -> None:
    shape = (8, 2048, 2048)
    took = timed(product(2048), [shape, shape], shape, 0.05)
    print(f"BATCH_MATMUL: {took:.3f} s")
    assert 0.05 <= took < 5


def test_a_loops_time_ends_what_it_computes() -> None:
    shape = (1, SIZE, SIZE, 1)
    goes_on = Model()
    x = goes_on.floats(*shape)
    yes = goes_on.operand(codes.TENSOR_BOOL8, (1,))
    axes = goes_on.constant(codes.TENSOR_INT32, np.array([0, 1, 2], "i4"))
    least = goes_on.floats(1)
    keep = goes_on.constant(codes.BOOL, np.array(False))
    zero = goes_on.constant(codes.TENSOR_FLOAT32, np.zeros(1, "f4"))
    goes_on.operation("REDUCE_MAX", [x, axes, keep], [least])
    goes_on.operation("GREATER_EQUAL", [least, zero], [yes])
    goes_on.finish([x], [yes])
    model = Model()
    x, y = model.floats(*shape), model.floats(*shape)
    operands = [model.submodel(goes_on), model.submodel(pooling("MAX_POOL_2D", SIZE)), x]
    model.operation("WHILE", operands, [y])
    model.finish([x], [y])
    compilation = c_api.compile_model(model)
    with c_api.execution(compilation) as run:
        set_input(run, 0, np.ones(shape, "f4"))
        set_output(run, 0, np.zeros(shape, "f4"))
        good("Execution_setLoopTimeout", run, 50_000_000)
        start = time.monotonic()
        assert call("Execution_compute", run) == "MISSED_DEADLINE_TRANSIENT"
        took = time.monotonic() - start
        assert "the loop's time is over" in c_api.last_error()
    print(f"WHILE: {took:.3f} s")
    assert took < 5
    c_api.free("Compilation", compilation)
    model.free()


def test_what_is_in_time_is_whole() -> None:
    """With a limit that is not reached, results are those without one."""
    shape = (1, 64, 64, 1)
    model = pooling("AVERAGE_POOL_2D", 64)
    compilation = c_api.compile_model(model, explicit_device=True)
    results = []
    for seconds in (0, 600):
        result = np.zeros(shape, "f4")
        with c_api.execution(compilation) as run:
            set_input(run, 0, np.random.default_rng(0).random(shape).astype("f4"))
            set_output(run, 0, result)
            good("Execution_setTimeout", run, seconds * 10**9)
            good("Execution_compute", run)
        results.append(result)
    np.testing.assert_array_equal(*results)
    c_api.free("Compilation", compilation)
    model.free()
