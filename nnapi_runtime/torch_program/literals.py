"""What a text may name of torch besides its operators: dtypes, the dense layout, memory formats."""

from __future__ import annotations

from typing import Any

_DTYPES = frozenset(
    [
        *("bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"),
        *("float16", "bfloat16", "float32", "float64", "complex32", "complex64", "complex128"),
    ]
)
_FORMATS = frozenset(["contiguous_format", "preserve_format", "channels_last", "channels_last_3d"])


def type_of_literal(name: str) -> str | None:
    """The type of ``torch.name``, as an operator's schema calls it; None: a text may not name it."""
    if name in _DTYPES:
        return "ScalarType"
    if name in _FORMATS:
        return "MemoryFormat"
    return "Layout" if name == "strided" else None


def literal(torch: Any, name: str) -> Any:
    """``torch.name``, for a name that has a type."""
    return getattr(torch, name)
