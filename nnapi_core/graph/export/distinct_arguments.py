"""Example arguments as tensors of their own: torch.export takes one that is given twice for one argument."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind

from nnapi_core.errors import ConversionError

Arguments = tuple[tuple[Any, ...], Mapping[str, Any]]


def distinct(
    module: torch.nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Arguments:
    """The arguments, with a copy of each tensor whose memory an earlier one has, or one of the module's own."""
    taken = {_memory(one) for one in _held_by(module)}

    def own(value: Any) -> Any:
        place = _memory(value)
        if place is None:
            return value
        if place in taken:
            return value.detach().clone()
        taken.add(place)
        return value

    found: Arguments = pytree.tree_map(own, (tuple(args), dict(kwargs)))
    return found


def check_distinct(exported: ExportedProgram) -> None:
    """Raises `ConversionError` for a program that may have been traced with one tensor for two arguments."""
    if exported.example_inputs is None:
        return
    leaves = pytree.tree_leaves(exported.example_inputs)
    given = [
        spec for spec in exported.graph_signature.input_specs if spec.kind is InputKind.USER_INPUT
    ]
    if len(leaves) != len(given):
        return
    placeholders = {node.name: node for node in exported.graph.find_nodes(op="placeholder")}
    read: dict[Any, str] = {}
    # Torch reads the last of them in the place of all.
    for value, spec in reversed([*zip(leaves, given, strict=True)]):
        place = _memory(value)
        node = placeholders.get(spec.arg.name)
        if place is None or node is None:
            continue
        view = (place, value.shape, value.stride())
        if node.users:
            read.setdefault(view, node.name)
        elif view in read:
            other = read[view]
            raise ConversionError(
                f"this program was exported with one tensor for {node.name!r} and {other!r}, which torch.export takes "
                f"for one argument: it reads {other!r} in the place of both. Export it with tensors of their own "
                "(x.clone())"
            )


def _held_by(module: torch.nn.Module) -> list[Any]:
    if isinstance(module, torch.jit.ScriptModule):
        return [*module.parameters(), *module.buffers()]
    return [
        one
        for part in module.modules()
        for held in (part._parameters, part._buffers, vars(part))
        for one in held.values()
    ]


def _memory(value: Any) -> int | None:
    """Where its numbers are; None for what has none."""
    if not isinstance(value, torch.Tensor) or value.layout is not torch.strided:
        return None
    try:
        return value.untyped_storage().data_ptr() or None
    except (
        RuntimeError
    ):  # tensors of shapes alone have no memory, and say so in errors of this kind
        return None
