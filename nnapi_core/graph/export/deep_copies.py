"""Copies of modules, without what torch warns of its own code in them."""

from __future__ import annotations

import copy
import warnings
from typing import TypeVar

import torch

Module = TypeVar("Module", bound=torch.nn.Module)


def copied_module(module: Module) -> Module:
    """A deep copy that shares the parameters. Raises what the module's own code raises."""
    with warnings.catch_warnings():
        # An exported program keeps tree specs, whose copying torch itself calls deprecated.
        warnings.filterwarnings("ignore", ".*LeafSpec.*", FutureWarning)
        return copy.deepcopy(module, {id(one): one for one in module.parameters()})
