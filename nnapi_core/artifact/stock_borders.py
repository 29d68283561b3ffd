"""NNAPI pieces as modules for stock PyTorch: what their borders look like there."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from nnapi_core.artifact.contents import Contents
from nnapi_core.artifact.flexible_stock_module import FlexibleStockModule
from nnapi_core.artifact.manifest_pieces import every_piece
from nnapi_core.artifact.stock_module import StockModule
from nnapi_core.errors import ConversionError
from nnapi_core.lowering.value import MOST_DIMS
from nnapi_core.nnapi.model import Model
from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.serialize import needs_version_2
from nnapi_core.nnapi.size_expression import Expression
from nnapi_core.nnapi.stock_limits import STOCK_INPUTS
from nnapi_core.nnapi.types import ChannelQuant, OperandCode


def within_stock(contents: Contents) -> bool:
    """Do the pieces use nothing that another lowering could avoid? Scales for each channel are the user's choice."""
    if any("library" in piece for piece in every_piece(contents.manifest["stages"])):
        return False  # there is one library on a phone that has PyTorch Mobile
    borders = [
        border for one in contents.lowered.values() for border in (*one.inputs, *one.outputs)
    ]
    if any(border.spec.is_byte for border in borders):
        return False  # it passes quantised tensors, no plain bytes
    models = [one.model for one in contents.lowered.values()]
    if any(map(_has_stored_weights, models)):
        return False  # bytes with scales apart say the same
    operands = [operand for model in models for operand in model.operands]
    if any(isinstance(operand.type.quant, ChannelQuant) for operand in operands):
        return True
    inputs = [
        operand for model in models for operand in map(model.operands.__getitem__, model.inputs)
    ]
    return not any(map(needs_version_2, models)) and all(
        operand.type.code in STOCK_INPUTS for operand in inputs
    )


def _has_stored_weights(model: Model) -> bool:
    """Does it make floats of constants with scales by channel?"""
    return any(
        operation.spec is ops.DEQUANTIZE
        and isinstance(model.operands[operation.inputs[0]].type.quant, ChannelQuant)
        for operation in model.operations
    )


def stock_piece(
    models: dict[str, bytes],
    manifest: dict[str, Any],
    piece: dict[str, Any],
    weights: list[torch.Tensor],
) -> StockModule | FlexibleStockModule:
    """Raises `ConversionError` for what stock PyTorch cannot run."""
    words = models[piece["model"]]
    if int.from_bytes(words[:4], "little") != 1:
        raise ConversionError(
            "this model has per-channel scales, omitted operands or submodels, which stock PyTorch's "
            "format cannot express; save it as .nnapi, or quantise with nnapi_core.quantize(..., per_channel=False)"
        )
    for border in piece["inputs"]:
        code = OperandCode(border["type"])
        if code not in STOCK_INPUTS:
            raise ConversionError(
                f"input {border['value']!r} is {code.name}, which stock PyTorch does not pass to NNAPI "
                "(it takes float32, int32 and quint8); save it as .nnapi"
            )
    data = torch.frombuffer(bytearray(words), dtype=torch.int32)
    templates = [_template(border) for border in piece["outputs"]]
    if not is_flexible(piece):
        return StockModule(data, weights, templates, manifest["relaxed"])
    patches = piece.get("patches", {"positions": [], "which": []})
    return FlexibleStockModule(
        data,
        weights,
        templates,
        manifest["relaxed"],
        torch.tensor(patches["positions"], dtype=torch.int64),
        torch.tensor(patches["which"], dtype=torch.int64),
        [part["weight"] for part in piece.get("parts", ())],
    )


def is_flexible(piece: dict[str, Any]) -> bool:
    """Is there a size in it that is known only when it runs?"""
    return "patches" in piece or any("dims" in one for one in (*piece["inputs"], *piece["outputs"]))


def torch_dims(border: dict[str, Any]) -> list[Expression]:
    """The dimensions of the tensor."""
    dims: list[Expression] = border["dims"] if "dims" in border else border["shape"]
    return dims


def stored_dims(border: dict[str, Any]) -> list[Expression]:
    """The dimensions of the operand, as `TensorSpec.stored_dims` has them."""
    dims = torch_dims(border)
    physical = [dims[dim] for dim in border["order"]] or [1]
    extra = len(physical) - MOST_DIMS
    if extra <= 0:
        return physical
    leading = physical[: extra + 1]
    numbers = [dim for dim in leading if isinstance(dim, int)]
    merged = math.prod(numbers) if len(numbers) == len(leading) else ["*", *leading]
    return [merged, *physical[extra + 1 :]]


def _template(border: dict[str, Any]) -> torch.Tensor:
    """A tensor of an output's type and physical shape; where that is not known, of no elements.

    It is zeros: a file is not to hold what happened to be in memory.
    """
    code = OperandCode(border["type"])
    dims = stored_dims(border)
    shape = [dim for dim in dims if isinstance(dim, int)]
    if len(shape) != len(dims):
        shape = [0]
    if code is OperandCode.TENSOR_QUANT8_ASYMM:
        zeros = torch.zeros(shape, dtype=torch.uint8)
        return torch._make_per_tensor_quantized_tensor(zeros, border["scale"], border["zero_point"])
    return torch.zeros(shape, dtype=torch.from_numpy(np.empty(0, code.element)).dtype)
