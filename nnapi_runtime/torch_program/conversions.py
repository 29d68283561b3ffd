"""The conversions that TorchScript makes of itself where an argument's type asks for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnapi_runtime.torch_program.numbers import to_whole


def _element(tensor: Any) -> Any:
    if tensor.dim() != 0:
        raise ValueError(f"a tensor of {tensor.dim()} dimensions stands for a number")
    return tensor.item()


def _to_integer(tensor: Any) -> int:
    value = _element(tensor)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"a tensor of {tensor.dtype} stands for a whole number")
    return value


# By the value's type and the parameter's.
CONVERSION: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("Tensor", "number"): _element,
    ("Tensor", "int"): _to_integer,
    ("Tensor", "float"): lambda tensor: float(_element(tensor)),
    ("number", "int"): to_whole,
    ("number", "float"): float,
}
