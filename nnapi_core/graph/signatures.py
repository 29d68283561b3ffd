"""The parameters of ``forward``, of Python and of TorchScript."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch


def signature_of(forward: Callable[..., Any]) -> inspect.Signature:
    """As `inspect.signature` gives it; a method of TorchScript has a schema instead."""
    if not isinstance(forward, torch.ScriptMethod):
        return inspect.signature(forward)
    _, *arguments = forward.schema.arguments
    return inspect.Signature(
        [
            inspect.Parameter(
                one.name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=one.default_value if one.has_default_value() else inspect.Parameter.empty,
            )
            for one in arguments
        ]
    )
