"""Operands of detection operations: floats, or 8-bit values with boxes in eighths of a pixel."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from nnapi_core.nnapi.types import OperandCode, OperandType, Quant
from tests.runtime.ops.operand_strategies import SEEDS
from tests.runtime.ops.single_op import Tensor, tensor

EIGHTHS = Quant(0.125)
FLOATS = {
    "f4": OperandCode.TENSOR_FLOAT32,
    "f2": OperandCode.TENSOR_FLOAT16,
}
QUANTISED = {
    "u1": OperandCode.TENSOR_QUANT8_ASYMM,
    "i1": OperandCode.TENSOR_QUANT8_ASYMM_SIGNED,
}


class DetectionOperands:
    """Draws the type of values, which decides that of boxes, and then operands of both."""

    def __init__(self, data: st.DataObject, kinds: str = "f4 f2 u1 i1") -> None:
        self.data = data
        self.kind = data.draw(st.sampled_from(kinds.split()), label="type")
        self.random = np.random.default_rng(data.draw(SEEDS, label="seed"))

    @property
    def quantised(self) -> bool:
        return self.kind in QUANTISED

    @property
    def code(self) -> OperandCode:
        return (FLOATS | QUANTISED)[self.kind]

    @property
    def box_code(self) -> OperandCode:
        return OperandCode.TENSOR_QUANT16_ASYMM if self.quantised else self.code

    def quant(self, scale: float, low: float) -> Quant | None:
        """That of 8-bit values from ``low`` to ``low + 255 * scale``."""
        if not self.quantised:
            return None
        first = -128 if self.kind == "i1" else 0
        return Quant(float(np.float32(scale)), first - round(low / scale))

    def values(self, values: np.ndarray, quant: Quant | None) -> Tensor:
        """Values of the drawn type."""
        if quant is None:
            data = values.astype(self.kind)
        else:
            info = np.iinfo(self.kind)
            steps = np.round(values / quant.scale) + quant.zero_point
            data = np.clip(steps, info.min, info.max).astype(self.kind)
        return Tensor(data, self.code, quant, constant=self._constant(data))

    def boxes(self, corners: np.ndarray) -> Tensor:
        """Coordinates; with quantised values they are multiples of 1/8."""
        if self.quantised:
            data = np.round(corners * 8).astype("u2")
            return Tensor(data, self.box_code, EIGHTHS, constant=self._constant(data))
        data = corners.astype(self.kind)
        return Tensor(data, self.code, constant=self._constant(data))

    def integers(self, values: np.ndarray) -> Tensor:
        data = values.astype(np.int32)
        return tensor(data, constant=self._constant(data))

    def box_type(self, *dims: int) -> OperandType:
        return OperandType(self.box_code, dims, EIGHTHS if self.quantised else None)

    def random_boxes(self, count: int, height: float, width: float) -> np.ndarray:
        """``[count, 4]``: corners x1, y1, x2, y2 in the image, on multiples of 1/8."""
        y = np.sort(self.random.uniform(0, height, (2, count)), 0)
        x = np.sort(self.random.uniform(0, width, (2, count)), 0)
        return np.round(np.stack([x[0], y[0], x[1], y[1]], -1) * 8) / 8

    def _constant(self, data: np.ndarray) -> bool:
        return data.size > 0 and self.data.draw(st.booleans())
