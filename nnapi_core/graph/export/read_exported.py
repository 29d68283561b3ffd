"""From an exported program to a `Program`: functional, with its constants and its borders told apart."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import ExportGraphSignature, InputKind, OutputKind
from torch.fx import Graph, Node

from nnapi_core.errors import ConversionError
from nnapi_core.graph.calibration_record import CalibrationRecord
from nnapi_core.graph.input_output_trees import Borders
from nnapi_core.graph.passes.buffers_to_state import OWN_INPUTS, address_of
from nnapi_core.graph.passes.functionalise import functionalise
from nnapi_core.graph.program import Program, State, TorchConstant
from nnapi_core.graph.quantised.refuse_other_quantisation import (
    refuse_other_quantisation,
)


def read_exported(
    exported: ExportedProgram,
    module: torch.nn.Module | ExportedProgram | None = None,
    kept: Collection[str] = (),
) -> Program:
    """The functional graph of ``exported``, which is not changed. Raises `ConversionError` for what it cannot hold.

    ``module`` is what was exported: its ``forward`` knows names and defaults that the graph has not. ``kept`` names
    what other methods of the module change: state, where this one reads it.
    """
    refuse_other_quantisation(exported.graph)
    forward = module.forward if isinstance(module, torch.nn.Module) else None
    program = _program(exported, forward, *functionalise(exported), kept)
    program.calibration = CalibrationRecord.of(exported)
    return program


def _program(
    exported: ExportedProgram,
    forward: Callable[..., Any] | None,
    graph: Graph,
    attributes: dict[str, Any],
    signature: ExportGraphSignature,
    kept_by_others: Collection[str],
) -> Program:
    inputs: list[Node] = []
    constants: dict[Node, TorchConstant] = {}
    input_values: list[tuple[bool, Any]] = []
    changed: dict[str, Node] = {}
    placeholders = graph.find_nodes(op="placeholder")
    read = _read_of(exported, signature, placeholders, kept_by_others)
    written, kept = _in_order(graph, signature, read)
    for spec, node in zip(signature.input_specs, placeholders, strict=True):
        if spec.kind in OWN_INPUTS and spec.target in kept:
            changed[str(spec.target)] = node
        elif spec.kind in OWN_INPUTS:
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
    inputs += [changed[name] for name in kept]
    # As it is now: whoever runs the module later changes its own.
    states = [State(name, _tensor(exported, name).detach().clone()) for name in kept]
    borders = Borders.of(exported, input_values, forward)
    return Program(graph, attributes, inputs, constants, borders, written, states)


def _read_of(
    exported: ExportedProgram,
    signature: ExportGraphSignature,
    placeholders: Sequence[Node],
    kept_by_others: Collection[str],
) -> dict[str, Node]:
    """What the program reads of the tensors that others change, by name.

    Raises `ConversionError` where it has one of them by another name: that would not change with it.
    """
    pairs = zip(placeholders, signature.input_specs, strict=True)
    own = {str(spec.target): node for node, spec in pairs if spec.kind in OWN_INPUTS}
    used = {name: node for name, node in own.items() if node.users}
    addresses = {
        address_of(_tensor(exported, name)): name for name in kept_by_others if name in own
    }
    for name in used.keys() - set(kept_by_others):
        address = address_of(_tensor(exported, name))
        if address is not None and address in addresses:
            raise ConversionError(
                f"{name!r} and {addresses[address]!r} lie in the same memory, and another method writes into it; let "
                "one of them be the state, and compute the other from it"
            )
    return {name: node for name, node in used.items() if name in kept_by_others}


def _in_order(
    graph: Graph, signature: ExportGraphSignature, read: Mapping[str, Node]
) -> tuple[list[str], list[str]]:
    """Puts what is returned first, then what is written into arguments, then what is kept as state.

    ``read`` are states that stay as they are. Names those arguments, and the states.
    """
    (output,) = graph.find_nodes(op="output")
    returned, written, kept = [], {}, {}
    for spec, result in zip(signature.output_specs, output.args[0], strict=True):
        if spec.kind is OutputKind.USER_OUTPUT:
            returned.append(result)
        elif spec.kind is OutputKind.USER_INPUT_MUTATION:
            written[str(spec.target)] = result
        elif spec.kind is OutputKind.BUFFER_MUTATION:
            kept[str(spec.target)] = result
        else:
            raise ConversionError(
                f"the model gives a {spec.kind.name} ({spec.arg.name}), which is no result, argument or buffer"
            )
    kept = {**read, **kept}
    output.args = ((*returned, *written.values(), *kept.values()),)
    return list(written), list(kept)


def _tensor(exported: ExportedProgram, name: str) -> torch.Tensor:
    value: torch.Tensor | None = exported.state_dict.get(name)
    found: torch.Tensor = exported.constants[name] if value is None else value
    return found
