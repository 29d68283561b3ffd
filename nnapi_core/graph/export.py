"""From a module or an exported program to a `Program`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch.export import ExportedProgram
from torch.export.graph_signature import ExportGraphSignature, InputKind, OutputKind
from torch.fx import Graph, Node

from nnapi_core.errors import ConversionError
from nnapi_core.graph.batch_norm import fold_batch_norm
from nnapi_core.graph.branches import branches_of
from nnapi_core.graph.constants import fold_constants
from nnapi_core.graph.decompose import decompose
from nnapi_core.graph.free_sizes import CONSTANT_INPUTS
from nnapi_core.graph.functionalise import functionalise
from nnapi_core.graph.integer_borders import take_integers
from nnapi_core.graph.other_quantisation import refuse_other_quantisation, refuse_packed_weights
from nnapi_core.graph.program import Program, TorchConstant
from nnapi_core.graph.quantized import fold_quant
from nnapi_core.graph.stock_quantised import is_stock_quantised, read_stock_quantised
from nnapi_core.graph.unroll import unroll
from nnapi_core.plugins.definition import Phase
from nnapi_core.plugins.registry import Registry


def export(
    module: torch.nn.Module | ExportedProgram,
    example_args: tuple[Any, ...],
    *,
    dynamic_shapes: Any = None,
) -> ExportedProgram:
    """Runs ``torch.export``, and says in one message what it could not trace."""
    if isinstance(module, ExportedProgram):
        refuse_packed_weights(module.state_dict)
        return module
    if is_stock_quantised(module):
        module = read_stock_quantised(module, tuple(example_args))
    if isinstance(module, torch.jit.ScriptModule):
        raise ConversionError(
            "the model is TorchScript, which this conversion does not read; "
            "pass the nn.Module it was made from, or an exported .pt2"
        )
    refuse_packed_weights(dict(module.named_parameters()) | dict(module.named_buffers()))
    try:
        with torch.no_grad():
            return torch.export.export(
                module, tuple(example_args), dynamic_shapes=dynamic_shapes, strict=False
            )
    except ConversionError:
        raise
    except Exception as error:
        raise ConversionError(
            f"torch.export cannot trace {type(module).__name__}: {type(error).__name__}: {error}"
        ) from error


def prepare(
    exported: ExportedProgram,
    registry: Registry,
    *,
    level: int = 29,
    quantized_io: bool = False,
) -> Program:
    """The functional, decomposed, constant-folded graph of an exported program, for a target of ``level``.

    With ``quantized_io``, a quantised program takes and gives integers. ``exported`` is not changed.
    """
    refuse_other_quantisation(exported.graph)
    program = _program(exported, *functionalise(exported))
    _refine(program, registry, level, quantized_io)
    return program


def _refine(program: Program, registry: Registry, level: int, quantized_io: bool) -> None:
    """Everything that is done to a graph, and to the graphs that it calls."""
    unroll(program)
    for one in registry.passes_of(Phase.GRAPH):
        one.function(program)
    fold_batch_norm(program)
    decompose(program, registry)
    _drop_dead(program)
    fold_quant(program, level)
    if quantized_io:
        take_integers(program)
    fold_constants(program)
    for node in program.operations():
        if branches := branches_of(program, node):
            program.branches[node] = branches
            for branch in branches:
                _refine(branch.program, registry, level, False)


def _program(
    exported: ExportedProgram,
    graph: Graph,
    attributes: dict[str, Any],
    signature: ExportGraphSignature,
) -> Program:
    inputs: list[Node] = []
    constants: dict[Node, TorchConstant] = {}
    input_values: list[tuple[bool, Any]] = []
    placeholders = graph.find_nodes(op="placeholder")
    for spec, node in zip(signature.input_specs, placeholders, strict=True):
        if spec.kind in CONSTANT_INPUTS:
            tensor = _tensor(exported, str(spec.target))
            key = ("weight", tensor.data_ptr(), tuple(tensor.stride()), tuple(tensor.shape))
            constants[node] = TorchConstant(
                tuple(tensor.shape), tensor.dtype, partial(torch.Tensor.detach, tensor), key
            )
        elif spec.kind is InputKind.USER_INPUT:
            if isinstance(node.meta.get("val"), torch.Tensor):
                inputs.append(node)
                input_values.append((True, None))
            else:
                input_values.append((False, getattr(spec.arg, "value", None)))
        else:
            raise ConversionError(f"the model takes a {spec.kind.name} ({spec.arg.name})")
    written = _written_last(graph, signature)
    tree = output_tree(exported.call_spec.out_spec)
    return Program(graph, attributes, inputs, constants, tree, input_values, written)


def _written_last(graph: Graph, signature: ExportGraphSignature) -> list[str]:
    """Puts what is written into arguments after what is returned; names those arguments."""
    (output,) = graph.find_nodes(op="output")
    returned, written, names = [], [], []
    for spec, result in zip(signature.output_specs, output.args[0], strict=True):
        if spec.kind is OutputKind.USER_OUTPUT:
            returned.append(result)
        elif spec.kind is OutputKind.USER_INPUT_MUTATION:
            written.append(result)
            names.append(str(spec.target))
        else:
            raise ConversionError(
                f"the model changes {spec.target!r} when it runs ({spec.kind.name}); NNAPI models "
                "have no state: return the new value, and pass it in with the next call"
            )
    output.args = ((*returned, *written),)
    return names


def _tensor(exported: ExportedProgram, name: str) -> torch.Tensor:
    value: torch.Tensor | None = exported.state_dict.get(name)
    found: torch.Tensor = exported.constants[name] if value is None else value
    return found


def output_tree(spec: pytree.TreeSpec) -> list[Any]:
    """A pytree spec as the plain lists of docs/file_format.md."""
    if spec.is_leaf():
        return ["leaf"]
    children: Sequence[Any] = [output_tree(child) for child in spec.children()]
    kind = spec.type
    if kind is None or kind is type(None):
        return ["none"]
    if kind in (tuple, list):
        return [kind.__name__, children]
    if issubclass(kind, tuple):
        return ["tuple", children]
    if issubclass(kind, dict) or hasattr(kind, "keys"):
        return ["dict", list(spec.context if kind is dict else _keys(spec.context)), children]
    raise ConversionError(
        f"the model returns a {kind.__name__}; tensors in tuples, lists and dicts can be converted"
    )


def _keys(context: Any) -> list[str]:
    """Dict-like outputs (OrderedDict, transformers' ModelOutput) keep their keys somewhere in the context."""
    for part in context if isinstance(context, (list, tuple)) else [context]:
        if isinstance(part, (list, tuple)) and all(isinstance(key, str) for key in part):
            return list(part)
    return [key for key in context if isinstance(key, str)]


def _drop_dead(program: Program) -> None:
    """Removes op calls whose results nobody reads."""
    for node in reversed(list(program.graph.nodes)):
        if node.op in ("call_function", "get_attr") and not node.users:
            program.graph.erase_node(node)
