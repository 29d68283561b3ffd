"""What NNAPI's operations make of NaN, of infinities, and of numbers near the ends of float32, where torch's differ.

Said of operations as IEEE 754 has them, which is what the host runtime computes. NNAPI leaves it to each driver.
"""

from __future__ import annotations

from collections.abc import Iterable

from nnapi_core.nnapi.model import Model, Operation
from nnapi_core.nnapi.types import OperandCode

_FLOATS = {OperandCode.TENSOR_FLOAT32, OperandCode.TENSOR_FLOAT16}

_SUMS = (
    "sums are added in another order than in torch: one that leaves the range of float32 on the way, or meets an "
    "infinity, may be infinite or NaN where torch's is not, or the other way round"
)
_WEIGHTED = "a result is a sum over a neighbourhood, with factors that may be 0: an infinity or NaN in it gives NaN"
_FACTORS = "products are made in another order than in torch, and may overflow, or be 0, on the way"
_PASSES_OVER = "NaN may be passed over where torch's result is NaN"
_ORDER = "where NaN stands among the elements, and which of equal elements comes first, is open"
_RANGE = (
    "numbers that the integer type does not hold, and NaN, become some integer, as in torch another"
)

_OF_OPERATIONS = {
    **dict.fromkeys(
        (
            "CONV_2D", "DEPTHWISE_CONV_2D", "GROUPED_CONV_2D", "TRANSPOSE_CONV_2D", "FULLY_CONNECTED",
            "BATCH_MATMUL", "MEAN", "REDUCE_SUM", "AVERAGE_POOL_2D", "L2_POOL_2D", "LSTM", "RNN", "SVDF",
            "BIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM", "L2_NORMALIZATION",
            "BIDIRECTIONAL_SEQUENCE_RNN", "UNIDIRECTIONAL_SEQUENCE_RNN", "INSTANCE_NORMALIZATION",
            "LOCAL_RESPONSE_NORMALIZATION",
        ),
        _SUMS,
    ),
    **dict.fromkeys(("RESIZE_BILINEAR", "ROI_ALIGN"), _WEIGHTED),
    "REDUCE_PROD": _FACTORS,
    "MAX_POOL_2D": _PASSES_OVER,
    "ROI_POOLING": _PASSES_OVER,
    **dict.fromkeys(("TOPK_V2", "ARGMAX", "ARGMIN"), _ORDER),
}  # fmt: skip


def special_values(model: Model, operation: Operation) -> str:
    """Empty where it is as in torch."""
    codes = [model.operands[one].type.code for one in (*operation.inputs[:1], *operation.outputs)]
    if codes[0] not in _FLOATS:
        return ""
    if operation.spec.name == "CAST":
        return "" if codes[-1] in _FLOATS else _RANGE
    return _OF_OPERATIONS.get(operation.spec.name, "")


def joined(texts: Iterable[str]) -> str:
    """Each once, in order."""
    return "; ".join(dict.fromkeys(text for text in texts if text))
