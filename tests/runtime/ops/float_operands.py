"""Random operands of one float type, for operations that compute on real numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from nnapi_core.nnapi.types import OperandCode, OperandType
from tests.runtime.ops.operand_strategies import SEEDS
from tests.runtime.ops.single_op import Tensor, tensor


class FloatOperands:
    """Draws a float type, and then operands of it: model inputs or constants."""

    def __init__(self, data: st.DataObject, *, scale: float = 0.5) -> None:
        self.data = data
        self.dtype = np.dtype(data.draw(st.sampled_from(["f4", "f2"]), label="type"))
        self.random = np.random.default_rng(data.draw(SEEDS, label="seed"))
        self.scale = scale

    @property
    def code(self) -> OperandCode:
        half = self.dtype == np.float16
        return OperandCode.TENSOR_FLOAT16 if half else OperandCode.TENSOR_FLOAT32

    def __call__(self, *shape: int) -> Tensor:
        return self.of(self.random.standard_normal(shape) * self.scale)

    def of(self, values: np.ndarray) -> Tensor:
        constant = values.size > 0 and self.data.draw(st.booleans())
        return tensor(values.astype(self.dtype), constant=constant)

    def output(self, *shape: int) -> OperandType:
        """An output's type; here and there a dimension is left for the runtime to find."""
        dims = tuple(0 if self.data.draw(st.booleans()) else n for n in shape)
        return OperandType(self.code, dims)

    def assert_close(self, actual: np.ndarray, expected: np.ndarray, limit: float = 2e-5) -> None:
        """Within ``limit`` in float32, within a few units in the last place in float16."""
        if self.dtype == np.float16:
            limit = max(limit, 4e-3)
        np.testing.assert_allclose(actual.astype(np.float64), expected, limit, limit)


def real(value: Tensor) -> np.ndarray:
    return value.data.astype(np.float64)
