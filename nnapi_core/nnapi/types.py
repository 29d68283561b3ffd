"""NNAPI's operand types."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from attrs import field, frozen


class OperandCode(IntEnum):
    """``ANEURALNETWORKS_FLOAT32`` and so on (NeuralNetworksTypes.h); scalars have no prefix."""

    FLOAT32 = 0
    INT32 = 1
    UINT32 = 2
    TENSOR_FLOAT32 = 3
    TENSOR_INT32 = 4
    TENSOR_QUANT8_ASYMM = 5
    BOOL = 6
    TENSOR_QUANT16_SYMM = 7
    TENSOR_FLOAT16 = 8
    TENSOR_BOOL8 = 9
    FLOAT16 = 10
    TENSOR_QUANT8_SYMM_PER_CHANNEL = 11
    TENSOR_QUANT16_ASYMM = 12
    TENSOR_QUANT8_SYMM = 13
    TENSOR_QUANT8_ASYMM_SIGNED = 14
    MODEL = 15

    @property
    def is_scalar(self) -> bool:
        return self in _SCALARS

    @property
    def is_quantised(self) -> bool:
        return "QUANT" in self.name

    @property
    def element(self) -> np.dtype[np.generic]:
        """The numpy type of one element."""
        return _ELEMENTS[self]


_SCALARS = {
    OperandCode.FLOAT32,
    OperandCode.INT32,
    OperandCode.UINT32,
    OperandCode.BOOL,
    OperandCode.FLOAT16,
}

_ELEMENTS: dict[OperandCode, np.dtype[np.generic]] = {
    code: np.dtype(name)
    for name, codes in {
        "<f4": (OperandCode.FLOAT32, OperandCode.TENSOR_FLOAT32),
        "<i4": (OperandCode.INT32, OperandCode.TENSOR_INT32),
        "<u4": (OperandCode.UINT32, OperandCode.MODEL),
        "<f2": (OperandCode.FLOAT16, OperandCode.TENSOR_FLOAT16),
        "bool": (OperandCode.BOOL, OperandCode.TENSOR_BOOL8),
        "u1": (OperandCode.TENSOR_QUANT8_ASYMM,),
        "i1": (
            OperandCode.TENSOR_QUANT8_SYMM,
            OperandCode.TENSOR_QUANT8_SYMM_PER_CHANNEL,
            OperandCode.TENSOR_QUANT8_ASYMM_SIGNED,
        ),
        "<i2": (OperandCode.TENSOR_QUANT16_SYMM,),
        "<u2": (OperandCode.TENSOR_QUANT16_ASYMM,),
    }.items()
    for code in codes
}

# How the opset table abbreviates operand types.
ABBREVIATIONS: dict[str, OperandCode] = {
    "f32": OperandCode.TENSOR_FLOAT32,
    "f16": OperandCode.TENSOR_FLOAT16,
    "i32": OperandCode.TENSOR_INT32,
    "b8": OperandCode.TENSOR_BOOL8,
    "q8u": OperandCode.TENSOR_QUANT8_ASYMM,
    "q8s": OperandCode.TENSOR_QUANT8_ASYMM_SIGNED,
    "q8sym": OperandCode.TENSOR_QUANT8_SYMM,
    "q8pc": OperandCode.TENSOR_QUANT8_SYMM_PER_CHANNEL,
    "q16s": OperandCode.TENSOR_QUANT16_SYMM,
    "q16u": OperandCode.TENSOR_QUANT16_ASYMM,
    "F32": OperandCode.FLOAT32,
    "F16": OperandCode.FLOAT16,
    "I32": OperandCode.INT32,
    "BOOL": OperandCode.BOOL,
    "MODEL": OperandCode.MODEL,
}


class FuseCode(IntEnum):
    """The activation that an operation applies to its result."""

    NONE = 0
    RELU = 1
    RELU1 = 2
    RELU6 = 3


class Padding(IntEnum):
    """Implicit padding schemes."""

    SAME = 1
    VALID = 2


@frozen
class Quant:
    """``real = (q - zero_point) * scale``."""

    scale: float
    zero_point: int = 0


@frozen
class ChannelQuant:
    """``real = q * scales[index along dim]``; ``dim`` counts NNAPI's dimensions."""

    dim: int
    scales: tuple[float, ...] = field(repr=lambda scales: f"<{len(scales)} scales>")


@frozen
class SymbolicDim:
    """A dimension that is known only at load or at run time, as an expression of named dimensions."""

    expression: str

    def __str__(self) -> str:
        return self.expression


Dim = int | SymbolicDim


@frozen
class OperandType:
    """Type, physical dimensions and quantisation of an operand. A scalar has no dimensions."""

    code: OperandCode
    dims: tuple[Dim, ...] = ()
    quant: Quant | ChannelQuant | None = None

    def __str__(self) -> str:
        dims = "x".join(str(dim) for dim in self.dims)
        return f"{self.code.name}[{dims}]" if not self.code.is_scalar else self.code.name
