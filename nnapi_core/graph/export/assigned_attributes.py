"""What ``forward`` assigns to the module: buffers become state, a plain attribute that it reads is refused.

``torch.export`` keeps what is assigned to buffers of the outermost module alone. It says nothing of those of its parts,
and warns of plain attributes: its program would read the old tensor in every call.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn.modules.module import register_module_buffer_registration_hook

from nnapi_core.errors import ConversionError
from nnapi_core.graph.passes.buffers_to_state import check_assigned

_ASSIGNED = re.compile(r"The tensor attributes? (.*) (?:was|were) assigned during export")
_Check = Callable[[ExportedProgram], ExportedProgram]


@contextmanager
def refused_assignments(module: torch.nn.Module, assigned: list[str]) -> Iterator[_Check]:
    """Gives what checks a program that was exported inside, and passes all warnings on.

    The check raises `ConversionError` where the program reads a tensor that ``forward`` assigns anew. The names of all
    that it assigns are added to ``assigned``.
    """
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")

        def check(exported: ExportedProgram) -> ExportedProgram:
            names = [
                name
                for one in seen
                if (found := _ASSIGNED.search(str(one.message)))
                for name in found.group(1).split(", ")
            ]
            assigned.extend(names)
            refuse_assigned(exported, module, names)
            return exported

        yield check
    for one in seen:
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


def refuse_assigned(
    exported: ExportedProgram, module: torch.nn.Module, names: Iterable[str]
) -> None:
    """Raises `ConversionError` where the program reads an attribute of these names, which are assigned anew."""
    read = _read_constants(exported)
    for name in names:
        if any(id(tensor) in read for tensor in _tensors_at(module, name)):
            raise ConversionError(
                f"forward reads and assigns {name}, a state that is no buffer: torch.export would keep the old tensor "
                "for ever; say that it is the model's state with register_buffer, or write into it in place"
            )


def _read_constants(exported: ExportedProgram) -> set[int]:
    """Which tensors the program holds and reads that are neither parameters nor buffers."""
    placeholders = exported.graph.find_nodes(op="placeholder")
    pairs = zip(exported.graph_signature.input_specs, placeholders, strict=True)
    return {
        id(exported.constants[str(spec.target)])
        for spec, node in pairs
        if spec.kind is InputKind.CONSTANT_TENSOR and node.users
    }


def _tensors_at(module: torch.nn.Module, name: str) -> list[torch.Tensor]:
    """The tensors at ``self.layers.0.cache``, or in the container of ``self.caches[1]``."""
    found: object = module
    for part in name.partition("[")[0].split(".")[1:]:
        found = getattr(found, part, None)
    return _tensors_in(found)


@contextmanager
def assigned_buffers_written(module: torch.nn.Module) -> Iterator[None]:
    """While a module is exported, what its parts assign to their buffers is written into these when a call ends.

    Raises `ConversionError` where a buffer would get another dtype or shape, or be the same tensor as another.
    """
    given: list[torch.Tensor] = []
    assigned: dict[tuple[torch.nn.Module, str], torch.Tensor] = {}

    def note_arguments(part: torch.nn.Module, args: Any, kwargs: Any) -> None:
        given[:] = _tensors_in((args, kwargs))
        assigned.clear()

    def note(part: torch.nn.Module, name: str, new: Any) -> None:
        old = part._buffers.get(name)
        if not isinstance(old, torch.Tensor) or not isinstance(new, torch.Tensor) or new is old:
            return
        first = assigned.setdefault((part, name), old)
        path = _path_of(module, part, name)
        check_assigned(path, first, new)
        own = [one for one in (*given, *module.buffers(), *module.parameters()) if one is not first]
        if any(_same_memory(new, one) for one in (*own, first)):
            raise ConversionError(
                f"forward makes the buffer {path!r} an argument, another buffer, or a view of one; assign a clone() "
                "of it, so that what is written into one does not change the other"
            )

    def write(part: torch.nn.Module, args: Any, results: Any) -> None:
        pending = [(one, name, old) for (one, name), old in assigned.items()]
        assigned.clear()
        for one, name, old in pending:
            # Those of the module itself are torch.export's.
            if one._buffers is not module._buffers:
                new = one._buffers[name]
                one._buffers[name] = old
                with torch.no_grad():
                    old.copy_(new)  # type: ignore[arg-type]

    handles = [
        module.register_forward_pre_hook(note_arguments, with_kwargs=True),
        module.register_forward_hook(write),
        register_module_buffer_registration_hook(note),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _path_of(module: torch.nn.Module, part: torch.nn.Module, name: str) -> str:
    paths = (path for path, one in module.named_modules() if one._buffers is part._buffers)
    path = next(paths, "")
    return f"{path}.{name}" if path else name


def _same_memory(one: torch.Tensor, other: torch.Tensor) -> bool:
    storages = (StorageWeakRef(tensor.untyped_storage()) for tensor in (one, other))  # type: ignore[no-untyped-call]
    first, second = storages
    return bool(first == second)


def _tensors_in(value: Any) -> list[torch.Tensor]:
    return [one for one in pytree.tree_leaves(value) if isinstance(one, torch.Tensor)]
