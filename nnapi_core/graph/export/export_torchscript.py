"""TorchScript files (traced, scripted, of old and new torch) as exported programs."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch.export import ExportedProgram

from nnapi_core.errors import ConversionError
from nnapi_core.graph.export.refusals import told
from nnapi_core.graph.sizes.free_sizes import is_flexible
from nnapi_core.graph.sizes.grown_examples import grown_examples
from nnapi_core.graph.torchscript.scripted_module import ScriptedModule, assigns, read_script


def load_torchscript(path: str) -> Any:
    """The module of a file. Raises `ConversionError` for a file that is no TorchScript."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return torch.jit.load(path, map_location="cpu").eval()  # type: ignore[no-untyped-call]
        except Exception as error:
            raise ConversionError(
                f"{path} cannot be read as TorchScript: {type(error).__name__}: {error}"
            ) from error


def export_torchscript(
    module: Any, example_args: tuple[Any, ...], kwargs: Mapping[str, Any], dynamic_shapes: Any
) -> ExportedProgram:
    """A TorchScript module without quantised operators. Raises `ConversionError` for what cannot be read.

    Torch's converter knows conditions that the data decides; it knows no state, and no free sizes. What it cannot read
    is called node by node (`ScriptedModule`).
    """
    if not assigns(module) and dynamic_shapes is None:
        try:
            program = _converted(module, example_args, kwargs)
        except Exception as error:
            return _walked(module, example_args, kwargs, None, error)
        _name_tuples(program, module.forward.schema.returns[0].type)
        return program
    return _walked(module, example_args, kwargs, dynamic_shapes, None)


def _converted(
    module: Any, example_args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> ExportedProgram:
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        from torch._export.converter import TS2EPConverter

        program: ExportedProgram = TS2EPConverter(module, example_args, dict(kwargs)).convert()
        if is_flexible(program):
            # Sizes that the file asks for with size() are those of the example.
            program = torch.export.export(
                program.module(), example_args, dict(kwargs), strict=False
            )
    # What asked for the rank is decided, and would only seem to read a layer's result.
    for node in program.graph.find_nodes(op="call_function", target=torch.ops.aten.dim.default):
        if not node.users:
            program.graph.erase_node(node)
    return program


def _walked(
    module: Any,
    example_args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    dynamic_shapes: Any,
    reason: Exception | None,
) -> ExportedProgram:
    """By its own graph. ``reason`` is why torch's converter does not read it."""
    try:
        read = read_script(module, example_args, kwargs)
        if dynamic_shapes is not None:
            example_args, kwargs = grown_examples(read, example_args, kwargs, dynamic_shapes)
        with torch.no_grad():
            return torch.export.export(
                read, example_args, dict(kwargs), dynamic_shapes=dynamic_shapes, strict=False
            )
    except ConversionError:
        raise
    except Exception as error:
        why = f"; torch's own converter: {told(reason)}" if reason else ""
        raise ConversionError(
            f"the TorchScript module {module.original_name} cannot be read ({told(error)}{why}); "
            f"{ScriptedModule.advice}"
        ) from error


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
