"""Runs ``torch.export``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from attrs import define, field
from torch.export import ExportedProgram

from nnapi_core.errors import ConversionError
from nnapi_core.graph.export.assigned_attributes import (
    assigned_buffers_written,
    refused_assignments,
)
from nnapi_core.graph.export.check_arguments import check_arguments, check_model
from nnapi_core.graph.export.distinct_arguments import check_distinct, distinct
from nnapi_core.graph.export.export_torchscript import export_torchscript
from nnapi_core.graph.export.known_numbers import KnownNumbers
from nnapi_core.graph.export.refusals import told
from nnapi_core.graph.export.same_tensors import buffers_as_they_were, merge_same_tensors
from nnapi_core.graph.quantised.read_weight_only import read_weight_only, refuse_other_weights
from nnapi_core.graph.sizes.grown_examples import grown_examples
from nnapi_core.graph.torchscript.stock_quantised import is_stock_quantised, read_stock_quantised


@define
class ExportNotes:
    """What an exported program does not say of the module: others may change it."""

    numbers: set[str] = field(factory=set)
    """The names of its tensors whose numbers are part of the program: ``item()`` was asked of them."""
    assigned: list[str] = field(factory=list)
    """The plain attributes that were assigned, as torch names them: ``self.last``."""


def export(
    module: torch.nn.Module | ExportedProgram,
    example_args: tuple[Any, ...],
    example_kwargs: Mapping[str, Any] | None = None,
    *,
    dynamic_shapes: Any = None,
    notes: ExportNotes | None = None,
) -> ExportedProgram:
    """Runs ``torch.export``, and says in one message what it could not trace. ``notes`` are added to."""
    notes = ExportNotes() if notes is None else notes
    example_kwargs = dict(example_kwargs or {})
    check_model(module)
    if isinstance(module, ExportedProgram):
        check_distinct(module)
        return _plain(module)
    check_arguments(example_args, example_kwargs)
    example_args, example_kwargs = distinct(module, example_args, example_kwargs)
    if is_stock_quantised(module):
        module = read_stock_quantised(module, tuple(example_args))
    if isinstance(module, torch.jit.ScriptModule):
        return export_torchscript(module, tuple(example_args), example_kwargs, dynamic_shapes)
    refuse_other_weights(dict(module.named_parameters()) | dict(module.named_buffers()))
    if dynamic_shapes is not None:
        example_args, example_kwargs = grown_examples(
            module, example_args, example_kwargs, dynamic_shapes
        )
    exporting = partial(
        torch.export.export,
        module,
        tuple(example_args),
        example_kwargs,
        dynamic_shapes=dynamic_shapes,
        strict=False,
    )
    try:
        with (
            torch.no_grad(),
            buffers_as_they_were(module),
            _no_new_attributes(module),
            refused_assignments(module, notes.assigned) as check,
            assigned_buffers_written(module),
        ):
            return _plain(check(exporting()))
    except ConversionError:
        raise
    except Exception as error:
        found = _with_known_numbers(module, exporting, notes)
        if found is not None:
            return found
        raise ConversionError(
            f"torch.export cannot trace {type(module).__name__}: {told(error)}"
            + _scripted_parts(module)
        ) from error


def _plain(exported: ExportedProgram) -> ExportedProgram:
    """The program, where each tensor is its own and has one name."""
    return merge_same_tensors(read_weight_only(exported))


@contextmanager
def _no_new_attributes(module: torch.nn.Module) -> Iterator[None]:
    """What a module keeps of the call that is traced has no numbers: it is not left in it."""
    before = [(vars(one), set(vars(one))) for one in module.modules()]
    try:
        yield
    finally:
        for attributes, names in before:
            for name in attributes.keys() - names:
                del attributes[name]


def _scripted_parts(module: torch.nn.Module) -> str:
    parts = module.named_modules()
    named = [repr(name) for name, one in parts if isinstance(one, torch.jit.ScriptModule)]
    if not named:
        return ""
    return (
        f". {', '.join(named[:3])}{' and others' if len(named) > 3 else ''} of it: TorchScript, which torch.export "
        "does not always trace; put the nn.Module that it was made from in its place"
    )


def _with_known_numbers(
    module: torch.nn.Module, exporting: Callable[[], ExportedProgram], notes: ExportNotes
) -> ExportedProgram | None:
    """Another try, in which numbers that are read off the module's own tensors are known; None where it fails too."""
    known = KnownNumbers(module)
    try:
        with (
            torch.no_grad(),
            buffers_as_they_were(module),
            _no_new_attributes(module),
            refused_assignments(module, notes.assigned) as check,
            assigned_buffers_written(module),
            known,
        ):
            found = _plain(check(exporting()))
    except ConversionError:
        raise
    except Exception:
        return None
    changed = set(found.graph_signature.buffers_to_mutate.values())
    notes.numbers |= known.read
    return found if known.read and not known.read & changed else None
