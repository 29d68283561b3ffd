"""A client that counts in other steps than the model, as stock PyTorch may, is understood."""

from __future__ import annotations

from ctypes import byref

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.runtime import c_api
from tests.runtime.c_api import Model, address, codes, good, operand_type, set_output

scales = st.floats(0.015625, 2.0, width=32)
types = st.sampled_from(["TENSOR_QUANT8_ASYMM", "TENSOR_QUANT8_ASYMM_SIGNED"])


@given(types, scales, scales, st.integers(0, 127), st.integers(0, 127), st.integers(0, 2**16))
def test_values_are_brought_into_the_models_steps(
    name: str, own: float, models: float, own_zero: int, models_zero: int, seed: int
) -> None:
    code = getattr(codes, name)
    element = np.dtype(np.uint8 if name.endswith("ASYMM") else np.int8)
    limits = np.iinfo(element)
    given_values = np.random.default_rng(seed).integers(
        limits.min, limits.max, 40, element, endpoint=True
    )
    model = Model()
    x = model.operand(code, [40], scale=models, zero_point=models_zero)
    y = model.operand(code, [40], scale=models, zero_point=models_zero)
    shape = model.constant(codes.TENSOR_INT32, np.array([40], np.int32))
    model.operation("RESHAPE", [x, shape], [y])
    compilation = c_api.compile_model(model.finish([x], [y]))
    with c_api.execution(compilation) as run:
        kind = operand_type(code, [40], own, own_zero)
        data = address(given_values)
        good("Execution_setInput", run, 0, byref(kind), data, given_values.nbytes)
        result = np.zeros(40, element)
        assert set_output(run, 0, result) == "NO_ERROR"
        good("Execution_compute", run)
    real = (given_values.astype(np.float64) - own_zero) * np.float64(np.float32(own))
    exact = real / np.float64(np.float32(models)) + models_zero
    assert np.all(np.abs(result - np.clip(exact, limits.min, limits.max)) <= 0.5 + 1e-6)
    c_api.free("Compilation", compilation)
    model.free()
