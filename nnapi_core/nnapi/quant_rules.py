"""What NNAPI asks of the scales and zero points of an operation's operands.

The opset table says it in its notes (``y scale 1/256; zeroPoint 0 (q8u) -128 (q8s)``, ``output scale and zeroPoint as
input``); what it leaves out is here.
"""

from __future__ import annotations

import re
from functools import cache

from nnapi_core.nnapi.opset import OperationSpec
from nnapi_core.nnapi.types import ChannelQuant, OperandCode, Quant

# The elements of the result are elements of the input, or constants put between them: nothing is rounded.
_PICKS = {
    "BATCH_TO_SPACE_ND", "CHANNEL_SHUFFLE", "DEPTH_TO_SPACE", "EMBEDDING_LOOKUP", "EXPAND_DIMS", "GATHER",
    "HASHTABLE_LOOKUP", "MAX_POOL_2D", "MIRROR_PAD", "PACK", "PAD", "PAD_V2", "REDUCE_MAX", "REDUCE_MIN",
    "RELU", "RELU1", "RELU6", "RESHAPE", "RESIZE_NEAREST_NEIGHBOR", "REVERSE", "ROI_POOLING", "SELECT", "SLICE",
    "SPACE_TO_BATCH_ND", "SPACE_TO_DEPTH", "SPLIT", "SQUEEZE", "STRIDED_SLICE", "TILE", "TOPK_V2", "TRANSPOSE",
}  # fmt: skip
_PRODUCTS = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}

# The dimension of the weights that may have a scale for each of its elements.
_CHANNELS = {"CONV_2D": 0, "GROUPED_CONV_2D": 0, "TRANSPOSE_CONV_2D": 0, "DEPTHWISE_CONV_2D": 3}


def picks(spec: OperationSpec) -> bool:
    """Does the result hold elements of the input, unchanged?"""
    return spec.name in _PICKS


@cache
def keeps_quant(spec: OperationSpec) -> bool:
    """Must the result have the scale and the zero point of the input?"""
    return picks(spec) or "output scale and zeroPoint as input" in spec.notes


@cache
def fixed_quant(spec: OperationSpec, code: OperandCode) -> Quant | None:
    """The scale and the zero point that the result must have, where they are fixed."""
    found = re.search(r"y scale 1/(\d+); zeroPoint (-?\d+) \(q8u\) (-?\d+) \(q8s\)", spec.notes)
    if found is None or not code.is_quantised:
        return None
    denominator, unsigned, signed = map(int, found.groups())
    return Quant(
        1 / denominator, signed if code is OperandCode.TENSOR_QUANT8_ASYMM_SIGNED else unsigned
    )


def needs_fine_product(spec: OperationSpec, level: int) -> bool:
    """Must the scale of the result be above the product of the scales of its factors?"""
    return spec.name == "MUL" or (spec.name in _PRODUCTS and level < 29)


def takes_channels(spec: OperationSpec, quant: ChannelQuant) -> bool:
    """Are the scales of these weights those of the channels that the operation computes?"""
    return _CHANNELS.get(spec.name) == quant.dim
