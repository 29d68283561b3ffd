"""Convolutions that are computed together, row by row, against the same ones on their own."""

from __future__ import annotations

from ctypes import byref, c_uint64

import numpy as np
import pytest

from tests.runtime import c_api
from tests.runtime.c_api import codes, library
from tests.runtime.kernels.conv_chains import ConvChain


@pytest.mark.parametrize("seed", range(24))
def test_a_chain_computes_what_its_convolutions_do(seed: int) -> None:
    chain = ConvChain(1, seed)
    input = chain.input()
    (together,) = chain.executor().run([input])
    apart = chain.run_apart(input)
    if chain.quantised:
        np.testing.assert_array_equal(together, apart)
    else:
        np.testing.assert_allclose(together, apart, 1e-5, 1e-4)


@pytest.mark.parametrize("seed", range(8))
def test_results_do_not_depend_on_the_number_of_threads(seed: int) -> None:
    chain = ConvChain(2, seed)
    input = chain.input()
    (one,) = chain.executor(num_threads=1).run([input])
    library().nnapi_host_set_num_threads(3)
    try:
        executor = chain.executor()
        for _ in range(5):
            assert np.array_equal(executor.run([input])[0], one)
    finally:
        library().nnapi_host_set_num_threads(0)


def test_a_profile_has_a_time_for_each_convolution() -> None:
    chain = ConvChain(3, 0)
    times = chain.executor(num_threads=1).profile([chain.input()])
    assert len(times) == len(chain.layers)
    assert all(time > 0 for time in times)


def test_what_lies_between_takes_no_memory() -> None:
    """A megabyte, where the two convolutions were computed one after the other."""
    model = c_api.Model()
    image = (1, 64, 64)
    x, between, y = model.floats(*image, 8), model.floats(*image, 64), model.floats(*image, 64)
    weights, depthwise, bias = (
        model.constant(codes.TENSOR_FLOAT32, np.ones(shape, "f4"))
        for shape in ((64, 1, 1, 8), (1, 3, 3, 64), (64,))
    )
    one, none, same = model.int32(1), model.int32(0), model.int32(1)
    model.operation("CONV_2D", [x, weights, bias, same, one, one, none], [between])
    model.operation("DEPTHWISE_CONV_2D", [between, depthwise, bias, same, one, one, one, none], [y])
    model.finish([x], [y])
    library().nnapi_host_set_num_threads(1)
    compilation = c_api.compile_model(model)
    library().nnapi_host_set_num_threads(0)
    peak, total = c_uint64(), c_uint64()
    assert library().nnapi_host_compilation_memory(compilation, byref(peak), byref(total)) == 0
    assert 0 < peak.value < 1 << 20 <= total.value
    c_api.free("Compilation", compilation)
    model.free()
