"""Runs a model whose ``forward`` may change its own tensors, without a trace in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.export import ExportedProgram

from nnapi_core.errors import ConversionError
from nnapi_core.graph.deep_copies import copied_module


def apart(model: torch.nn.Module | ExportedProgram) -> Callable[..., Any]:
    """The model with tensors of its own for all that it may change; parameters are shared.

    Raises `ConversionError` for a module that cannot be copied, and changes its buffers.
    """
    module = model.module() if isinstance(model, ExportedProgram) else model
    try:
        return copied_module(module)
    except Exception as error:
        reason = error
    before = {name: (one, one._version) for name, one in module.named_buffers()}

    def run(*args: Any, **kwargs: Any) -> Any:
        results = module(*args, **kwargs)
        after = {name: (one, one._version) for name, one in module.named_buffers()}
        if any(
            after[name][0] is not one or after[name][1] != v for name, (one, v) in before.items()
        ):
            raise ConversionError(
                f"{type(module).__name__} changes its buffers when it runs, and cannot be copied to be tried without "
                f"that: {type(reason).__name__}: {reason}"
            ) from reason
        return results

    return run
