"""The parameters of ``forward``, of Python and of TorchScript."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
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


def in_declared_order(module: Any, kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Named arguments as ``forward`` has them: what calls by place, as a phone does, goes by that order."""
    try:
        places = {name: place for place, name in enumerate(signature_of(module.forward).parameters)}
        # Those that it takes as ``**kwargs`` come last.
        found = sorted(kwargs, key=lambda name: places.get(name, len(places)))
    except (AttributeError, TypeError, ValueError):
        return kwargs
    return {name: kwargs[name] for name in found}
