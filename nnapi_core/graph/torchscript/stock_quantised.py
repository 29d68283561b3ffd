"""Models quantised by torch.ao.quantization, eager or FX, and TorchScript of them: with packed weights.

torch.export cannot trace packed weights, and torch's TorchScript converter drops their scales. So such a model becomes
TorchScript first, and its graph is read with the weights taken out (`TorchScriptGraph`).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch.fx import GraphModule

from nnapi_core.errors import ConversionError
from nnapi_core.graph.torchscript.torchscript_graph import TorchScriptGraph

_PACKAGES = ("torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized", "torch.nn.quantized")


def is_stock_quantised(module: torch.nn.Module) -> bool:
    """Has it packed weights, or operators of quantised tensors?"""
    if isinstance(module, torch.jit.ScriptModule):
        kinds = {node.kind() for node in _nodes(module.inlined_graph)}
        return any(
            kind.startswith("quantized::") or kind == "aten::quantize_per_tensor" for kind in kinds
        )
    for one in module.modules():
        if type(one).__module__.startswith(_PACKAGES):
            return True
        if isinstance(one, GraphModule) and any(
            node.target is torch.quantize_per_tensor for node in one.graph.nodes
        ):
            return True
    return False


def read_stock_quantised(module: torch.nn.Module, args: tuple[Any, ...]) -> torch.nn.Module:
    """The same in floats between ``quantize`` and ``dequantize``. Raises `ConversionError` for what cannot be read."""
    for number, one in enumerate(args):
        if not isinstance(one, torch.Tensor) or one.is_quantized:
            raise ConversionError(
                f"argument {number} of a quantised model is a {type(one).__name__} that is not a float tensor; "
                "begin the model with a QuantStub, and convert with quantized_io=True for integers at its borders"
            )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with torch.no_grad():
                script: Any = module
                if not isinstance(module, torch.jit.ScriptModule):
                    script = torch.jit.trace(module, args, check_trace=False)  # type: ignore[no-untyped-call]
                frozen = torch.jit.freeze(script.eval(), optimize_numerics=False)
        except Exception as error:
            raise ConversionError(
                f"the quantised {type(module).__name__} cannot be traced: {type(error).__name__}: {error}"
            ) from error
    return TorchScriptGraph(frozen).eval()


def _nodes(block: Any) -> Iterator[Any]:
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from _nodes(inner)
