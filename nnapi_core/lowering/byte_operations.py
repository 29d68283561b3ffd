"""Tensors of one byte whose integers are the numbers, as an image from a camera is: what NNAPI may do with them.

They are stored as quantised by steps of one. Operations that pick, compare or convert elements are exact then;
arithmetic is not torch's, since NNAPI stays at the end of the range where torch wraps around.
"""

from __future__ import annotations

from nnapi_core.errors import Unsupported
from nnapi_core.nnapi.opset import OperationSpec
from nnapi_core.nnapi.quant_rules import picks
from nnapi_core.reasons import Reason

_EXACT = {
    "ARGMAX", "ARGMIN", "CAST", "CONCATENATION", "DEQUANTIZE", "EQUAL", "GREATER", "GREATER_EQUAL", "IF", "LESS",
    "LESS_EQUAL", "MAXIMUM", "MINIMUM", "NOT_EQUAL", "QUANTIZE", "WHILE",
}  # fmt: skip


def check_bytes(spec: OperationSpec, stock: bool) -> None:
    """Raises `Unsupported` for an operation that may not read or give bytes; for ``stock`` PyTorch, for any."""
    if stock:
        raise Unsupported(
            "stock PyTorch passes no uint8 or int8 tensors to NNAPI; cast to torch.float32 or torch.int32 before",
            Reason.STOCK_FORMAT,
        )
    if not picks(spec) and spec.name not in _EXACT:
        raise Unsupported(
            f"{spec} of uint8 or int8 numbers, which torch lets wrap around and NNAPI does not; cast to torch.float32 "
            "or torch.int32 before",
            Reason.TYPES,
        )
