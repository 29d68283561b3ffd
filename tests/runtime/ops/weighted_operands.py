"""Operands of operations that multiply an input by weights and add a bias."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import OperationSpec
from nnapi_core.nnapi.types import ChannelQuant, OperandCode, OperandType, Quant
from tests.runtime.ops.closeness import assert_within_a_step
from tests.runtime.ops.operand_strategies import SEEDS, array, quants
from tests.runtime.ops.single_op import Tensor

ACTIVATIONS = {0: (-np.inf, np.inf), 1: (0, np.inf), 2: (-1, 1), 3: (0, 6)}


def float32(value: float) -> float:
    return float(np.float32(value))


class WeightedOperands:
    """Draws one of the operation's type combinations, a layout and an activation, and then operands of them."""

    def __init__(self, data: st.DataObject, spec: OperationSpec) -> None:
        self.data = data
        types = data.draw(st.sampled_from(spec.rules), label="types").types
        self.code, self.weight_code, self.bias_code = types["T"], types["W"], types["B"]
        self.random = np.random.default_rng(data.draw(SEEDS, label="seed"))
        self.nchw = data.draw(st.booleans(), label="nchw")
        self.activation = data.draw(st.sampled_from(list(ACTIVATIONS)), label="activation")
        # Constant weights are packed when the model is compiled, others in every run.
        self.constant = data.draw(st.booleans(), label="constant weights")

    def arranged(self, nchw: np.ndarray) -> np.ndarray:
        return nchw if self.nchw else nchw.transpose(0, 2, 3, 1)

    def torch_order(self, result: np.ndarray) -> np.ndarray:
        return result if self.nchw else result.transpose(0, 3, 1, 2)

    def input(self, values: np.ndarray) -> Tensor:
        """`values` only gives the shape of quantised ones, which take all 256."""
        self.quant = self.data.draw(quants(self.code))
        if self.quant is not None:
            values = array(self.code, values.shape, int(self.random.integers(1 << 30)))
        return Tensor(values.astype(self.code.element), self.code, self.quant)

    def image(self, batch: int, channels: int, height: int, width: int) -> Tensor:
        values = self.random.standard_normal((batch, channels, height, width))
        return self.input(self.arranged(values))

    def weights(self, *shape: int, out_dim: int) -> Tensor:
        values = array(self.weight_code, shape, int(self.random.integers(1 << 30)))
        quant: Quant | ChannelQuant | None = None
        if self.weight_code is OperandCode.TENSOR_QUANT8_SYMM_PER_CHANNEL:
            scales = self.random.uniform(0.005, 0.1, shape[out_dim]).astype(np.float32)
            quant = ChannelQuant(out_dim, tuple(map(float, scales)))
        elif self.weight_code.is_quantised:
            quant = self.data.draw(quants(self.weight_code))
        return Tensor(values, self.weight_code, quant, constant=self.constant)

    def bias(self, count: int, weights: Tensor) -> Tensor:
        if self.quant is None:
            values = self.random.standard_normal(count).astype(self.bias_code.element)
            return Tensor(values, self.bias_code, constant=self.constant)
        values = self.random.integers(-5000, 5001, count).astype(np.int32)
        quant = None  # implied by the scales of the channels
        if isinstance(weights.quant, Quant):
            quant = Quant(float32(np.float32(self.quant.scale) * np.float32(weights.quant.scale)))
        return Tensor(values, self.bias_code, quant, constant=self.constant)

    def real_bias(self, bias: Tensor, weights: Tensor) -> np.ndarray:
        if isinstance(weights.quant, ChannelQuant):
            assert self.quant is not None
            return bias.data * np.array(weights.quant.scales) * self.quant.scale
        return bias.real

    def output(self, dims: Sequence[int], real: np.ndarray) -> OperandType:
        """Its quantisation lets most of the real results be told apart. Some dimensions are left open."""
        declared = tuple(0 if self.data.draw(st.booleans()) else n for n in dims)
        if self.quant is None:
            return OperandType(self.code, declared)
        spread = float(np.std(real)) if real.size else 1.0
        scale = float32(max(spread, 1e-3) / 40)
        low = np.iinfo(self.code.element).min
        zero_point = low + self.data.draw(st.sampled_from([128, 0, 77, 255]), label="zero point")
        return OperandType(self.code, declared, Quant(scale, zero_point))

    def activated(self, real: np.ndarray) -> np.ndarray:
        return np.clip(real, *ACTIVATIONS[self.activation])

    def assert_close(
        self, actual: np.ndarray, type_: OperandType, expected: np.ndarray, magnitude: np.ndarray
    ) -> None:
        """`magnitude` is the same sum as `expected`, of absolute values."""
        assert actual.shape == expected.shape
        if isinstance(type_.quant, Quant):
            assert_within_a_step(actual, self.activated(expected), type_.quant)
            return
        # float32 sums in any order; a float16 result is rounded once more.
        error = magnitude * 2.0**-20 + 1e-7
        if self.code is OperandCode.TENSOR_FLOAT16:
            error = error + np.abs(expected) * 2.0**-10 + 2.0**-24
        excess = np.abs(actual.astype(np.float64) - self.activated(expected)) - error
        assert not excess.size or excess.max() <= 0, f"{excess.max():.3g} too far off"
