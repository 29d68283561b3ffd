"""Tensors that an exported program has twice: as a buffer, and as a constant that an object of the module holds.

transformers' caches are no modules; who registers their tensors as buffers has each under two names, and torch.export
writes into the one that the object holds.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import ExportGraphSignature, InputKind, InputSpec
from torch.fx import Node

from nnapi_core.graph.passes.buffers_to_state import address_of


@contextmanager
def buffers_as_they_were(module: torch.nn.Module) -> Iterator[None]:
    """Afterwards buffers have the numbers they had: a trace writes into single numbers that an object holds."""
    before = [
        (one, one._version, one.detach().clone())
        for one in module.buffers()
        if not one.is_inference()
    ]
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, version, value in before:
                if tensor._version != version:
                    tensor.copy_(value)


def merge_same_tensors(exported: ExportedProgram) -> ExportedProgram:
    """The program, where a constant that is one of its buffers is that buffer; itself where there is none."""
    buffers: dict[object, str] = {}
    for spec in exported.graph_signature.input_specs:
        key = _key(exported, spec) if spec.kind is InputKind.BUFFER else None
        if key is not None:
            buffers.setdefault(key, spec.arg.name)
    same = {
        spec.arg.name: buffers[key]
        for spec in exported.graph_signature.input_specs
        if spec.kind is InputKind.CONSTANT_TENSOR
        and (key := _key(exported, spec)) is not None
        and key in buffers
    }
    if not same:
        return exported
    module = copy.deepcopy(exported.graph_module)
    placeholders: dict[str, Node] = {
        node.name: node for node in module.graph.find_nodes(op="placeholder")
    }
    for constant, buffer in same.items():
        placeholders[constant].replace_all_uses_with(placeholders[buffer])
        module.graph.erase_node(placeholders[constant])
    module.recompile()
    signature = exported.graph_signature
    changed = copy.copy(exported)
    changed._graph_module = module
    changed._graph_signature = ExportGraphSignature(
        [spec for spec in signature.input_specs if spec.arg.name not in same],
        list(signature.output_specs),
    )
    return changed


def _key(exported: ExportedProgram, spec: InputSpec) -> object | None:
    """What two names of one tensor have in common."""
    name = str(spec.target)
    found = exported.state_dict.get(name)
    found = exported.constants.get(name) if found is None else found
    if not isinstance(found, torch.Tensor) or address_of(found) is None:
        return None
    return found.data_ptr(), found.shape, found.stride(), found.dtype
