"""Copies of modules and programs, without what torch warns of its own code in them."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch.export import ExportedProgram

Module = TypeVar("Module", bound=torch.nn.Module)


@contextmanager
def _quiet_copies() -> Iterator[None]:
    """An exported program keeps tree specs, whose copying torch itself calls deprecated."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*LeafSpec.*", FutureWarning)
        yield


def copied_module(module: Module) -> Module:
    """A deep copy that shares the parameters. Raises what the module's own code raises."""
    with _quiet_copies():
        return copy.deepcopy(module, {id(one): one for one in module.parameters()})


def functional_copy(exported: ExportedProgram) -> ExportedProgram:
    """The program without writes into tensors. Raises what torch raises where it cannot make it so."""
    with _quiet_copies():
        functional: ExportedProgram = exported.run_decompositions({})
        return functional
