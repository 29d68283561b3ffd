"""TorchScript files (traced, scripted, of old and new torch) as exported programs."""

from __future__ import annotations

import warnings
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch.export import ExportedProgram

from nnapi_core.errors import ConversionError
from nnapi_core.graph.export.export_module import export
from nnapi_core.graph.sizes.free_sizes import is_flexible
from nnapi_core.graph.torchscript.stock_quantised import is_stock_quantised, read_stock_quantised


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
        if is_stock_quantised(module):
            return export(read_stock_quantised(module, example_args), example_args)
        try:
            from torch._export.converter import TS2EPConverter

            with torch.no_grad():
                program: ExportedProgram = TS2EPConverter(module, example_args).convert()
                if is_flexible(program):
                    # Sizes that the file asks for with size() are those of the example.
                    program = torch.export.export(program.module(), example_args, strict=False)
        except Exception as error:
            raise ConversionError(
                f"{path}: torch's TorchScript converter fails on it ({type(error).__name__}: {error}); "
                "convert the nn.Module that it was made from"
            ) from error
    _name_tuples(program, module.forward.schema.returns[0].type)
    return program


def _name_tuples(program: ExportedProgram, kind: Any) -> None:
    """torch's converter returns tuples as lists; the file says what they are."""
    signature = program.module_call_graph[0].signature
    if signature is not None:
        signature.out_spec = pytree.tree_structure(_like(signature.out_spec, kind))


def _like(spec: pytree.TreeSpec, kind: Any) -> Any:
    """Something of the structure ``spec``, in tuples where the TorchScript type has them."""
    if spec.is_leaf():
        return 0
    children = spec.children()
    if kind.kind() == "TupleType":
        return tuple(map(_like, children, kind.elements()))
    if kind.kind() == "ListType":
        return [_like(child, kind.getElementType()) for child in children]
    return pytree.tree_unflatten([0] * spec.num_leaves, spec)
