"""Refuses quantisation that no NNAPI model can say, with the recipe that works."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch.fx import Graph, Node
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from nnapi_core.errors import ConversionError
from nnapi_core.graph.bind_args import bind_args
from nnapi_core.graph.program import source_of

PREFIX = "quantized_decomposed::"
RANGES = {torch.uint8: (0, 255), torch.int8: (-128, 127)}
RECIPE = (
    "What works: quantise the float model with nnapi_core.quantize(module, calibration_batches), which "
    "calibrates 8-bit scales that are fixed in the model"
)
_DYNAMIC = "is dynamic quantisation; the scales of a NNAPI model are fixed"
_NARROW = "has weights in groups or of fewer than 8 bits, which NNAPI has not got"


def refuse_packed_weights(tensors: Mapping[str, torch.Tensor]) -> None:
    """Raises `ConversionError` for a weight in a format of its own, as torchao's ``quantize_`` leaves it."""
    for name, tensor in tensors.items():
        if not is_traceable_wrapper_subclass(tensor):
            continue
        kind = type(tensor).__name__
        width = getattr(tensor, "target_dtype", None)
        what = f"{kind} of {str(width).removeprefix('torch.')}" if width is not None else kind
        raise ConversionError(
            f"the weight {name!r} is torchao's {what}: quantised by itself (weight-only) in groups or fewer than 8 "
            "bits, or for activations whose scales are found when the model runs (dynamic). NNAPI computes in 8-bit "
            "integers of fixed scales, or in floats; nnapi_core.quantize_weights(module) makes int8 weights of the "
            f"float model, as torchao's Int8WeightOnlyConfig does, which is read. {RECIPE}"
        )


def refuse_other_quantisation(graph: Graph) -> None:
    """Raises `ConversionError` for operators that quantise as NNAPI cannot."""
    for node in graph.nodes:
        if not isinstance(node.target, torch._ops.OpOverload):
            continue
        name = node.target._schema.name
        found_when_it_runs = "choose_qparams" in name or "per_token" in name
        if found_when_it_runs or (name.startswith("quantized::") and name.endswith("_dynamic")):
            raise refusal(node, _DYNAMIC)
        if "channel_group" in name or "int4" in name or "quantize_affine" in name:
            raise refusal(node, _NARROW)
        kind = name.removeprefix(PREFIX)
        if kind in ("quantize_per_tensor", "dequantize_per_tensor", "dequantize_per_channel"):
            dtype = bind_args(node)["dtype"]
            wide = kind != "quantize_per_tensor" and dtype is torch.int32
            if dtype not in RANGES and not wide:
                raise refusal(node, f"is of {dtype}; NNAPI's integers are uint8 and int8")


def refusal(node: Node, what: str) -> ConversionError:
    where = source_of(node)
    return ConversionError(
        f"{node.name} ({node.target}){' at ' + where if where else ''} {what}. {RECIPE}"
    )
