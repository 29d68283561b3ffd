"""How an operator is defined: its schema, what it computes on the CPU, and the shapes of its results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def operator(
    library: torch.library.Library, schema: str, fake: Callable[..., Any]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Defines an operator whose CPU implementation is the decorated function."""

    def define(function: Callable[..., Any]) -> Callable[..., Any]:
        name = schema[: schema.index("(")]
        library.define(schema)  # type: ignore[no-untyped-call]
        library.impl(name, function, "CPU")  # type: ignore[no-untyped-call]
        torch.library.register_fake(f"{library.ns}::{name}", fake, lib=library)
        return function

    return define
