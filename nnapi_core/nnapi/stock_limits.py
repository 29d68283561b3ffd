"""What stock PyTorch's format of NNAPI models (docs/file_format.md, version 1) cannot say."""

from __future__ import annotations

from nnapi_core.errors import Unsupported
from nnapi_core.nnapi.types import OperandCode
from nnapi_core.reasons import Reason

# What stock PyTorch's Compilation.run takes as inputs.
STOCK_INPUTS = frozenset(
    {
        OperandCode.TENSOR_FLOAT32,
        OperandCode.TENSOR_INT32,
        OperandCode.TENSOR_QUANT8_ASYMM,
    }
)


def check_stock_input(code: OperandCode) -> None:
    """Raises `Unsupported` for a type that a piece cannot be given."""
    if code not in STOCK_INPUTS:
        raise Unsupported(
            f"stock PyTorch does not pass {code.name} to NNAPI (it takes float32, int32 and quint8)",
            Reason.STOCK_FORMAT,
        )
