"""TorchScript files (traced, scripted, of old and new torch) as exported programs."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch.export import ExportedProgram

from nnapi_core.errors import ConversionError


def read_torchscript(path: str, example_args: tuple[Any, ...]) -> ExportedProgram:
    """Raises `ConversionError` for a file that is no TorchScript, or that torch's converter would get wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            module = torch.jit.load(path, map_location="cpu").eval()  # type: ignore[no-untyped-call]
        except Exception as error:
            raise ConversionError(
                f"{path} cannot be read as TorchScript: {type(error).__name__}: {error}"
            ) from error
        _refuse_quantised(path, module)
        try:
            from torch._export.converter import TS2EPConverter

            with torch.no_grad():
                program: ExportedProgram = TS2EPConverter(module, example_args).convert()
        except Exception as error:
            raise ConversionError(
                f"{path}: torch's TorchScript converter fails on it ({type(error).__name__}: {error}); "
                "convert the nn.Module that it was made from"
            ) from error
    return program


def _refuse_quantised(path: str, module: Any) -> None:
    """torch's converter reads quantised TorchScript wrongly: it drops the packed parameters' scales."""
    kinds = {node.kind() for node in module.inlined_graph.nodes()}
    found = sorted(kind for kind in kinds if kind.startswith("quantized::"))
    if found:
        raise ConversionError(
            f"{path} is a quantised TorchScript model ({', '.join(found[:3])} …), which cannot be read "
            "exactly; export the float model with torch.export and quantise it with PT2E"
        )
