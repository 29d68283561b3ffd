"""Values that are numpy arrays or torch tensors, without torch being needed for the former."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from nnapi_runtime.errors import ArgumentError, NnapiError

Array = np.ndarray[Any, Any]
Value = Any  # an Array or a torch.Tensor


def is_tensor(value: Any) -> bool:
    """Is it a torch tensor? Whoever has one has imported torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def import_torch(purpose: str) -> Any:
    try:
        import torch
    except ImportError:
        raise NnapiError(
            f"{purpose} needs torch, which is not installed here: pip install torch, "
            'or convert with fallback="error" for a model without parts that torch runs'
        ) from None
    except (OSError, MemoryError, RuntimeError) as error:
        raise NnapiError(f"{purpose} needs torch, which cannot be loaded here: {error}") from error
    return torch


def dtype_name(value: Value) -> str:
    """ "float32", of either kind of value."""
    return str(value.dtype).removeprefix("torch.")


def from_dlpack(value: Any) -> Any:
    """Another library's tensor (JAX's, CuPy's, TensorFlow's) as an array over its memory; other values as they are.

    Raises `ArgumentError` for one that numpy cannot take: of a GPU, or of a dtype that it has not.
    """
    if isinstance(value, np.ndarray) or is_tensor(value) or not hasattr(type(value), "__dlpack__"):
        return value
    try:
        return np.from_dlpack(value)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        raise ArgumentError(
            f"a {type(value).__name__} cannot be read through DLPack: {error}; give it in the CPU's memory"
        ) from None


def _check_plain(value: Value) -> None:
    """Raises `ArgumentError` for a tensor whose elements do not lie in memory one beside the other."""
    if not is_tensor(value):
        return
    if value.is_nested or str(value.layout) != "torch.strided":
        raise ArgumentError("an argument is a sparse or nested tensor; give it dense")
    if value.is_meta:
        raise ArgumentError("an argument is on the device 'meta', which has no numbers")


def to_array(value: Value) -> Array:
    """The same memory as an array, where that is possible; quantised tensors as their integers.

    Raises `ArgumentError` for a tensor that is not dense, has no numbers, or is of a dtype that numpy has not.
    """
    if not is_tensor(value):
        return np.asarray(value)
    _check_plain(value)
    tensor = value.detach()
    if tensor.is_quantized:
        tensor = tensor.int_repr()
    plain = tensor.cpu().resolve_conj().resolve_neg()
    try:
        array: Array = plain.numpy()
    except TypeError:
        raise ArgumentError(
            f"a tensor is of {dtype_name(tensor)}, which numpy has not; give the arguments as torch tensors"
        ) from None
    return array


def to_tensor(value: Value) -> Any:
    """The same memory as a tensor."""
    torch = import_torch("a tensor")
    if is_tensor(value):
        return value
    array = np.asarray(value)
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def described(tensor: Any) -> tuple[str, Array, float | None, int | None, bool]:
    """A tensor that is no plain memory: its dtype, its elements as an array, and how it is quantised if it is.

    That is scale, zero point (None where it is not) and whether each channel has its own.
    """
    array, dtype = to_array(tensor), dtype_name(tensor)
    if not tensor.is_quantized:
        return dtype, array, None, None, False
    torch = import_torch("a quantised tensor")
    if tensor.qscheme() not in (torch.per_tensor_affine, torch.per_tensor_symmetric):
        return dtype, array, 0.0, 0, True
    return dtype, array, tensor.q_scale(), tensor.q_zero_point(), False


def quantised(integers: Any, scale: float, zero_point: int) -> Any:
    """The quantised tensor of these integers."""
    torch = import_torch("a quantised tensor")
    return torch._make_per_tensor_quantized_tensor(integers, scale, zero_point)


def shared_tensor(value: Any) -> Any:
    """A read-only array as a tensor over the same memory, where the memory itself may be written to."""
    array = np.asarray(value).view()
    try:
        array.flags.writeable = True
    except ValueError:
        array = array.copy()
    return import_torch("a tensor").from_numpy(array)


def copied(value: Any) -> Any:
    """A value in memory of its own; what is no array or tensor is itself."""
    if is_tensor(value):
        return value.clone()
    return value.copy() if isinstance(value, np.ndarray) else value


def write(target: Value, value: Value, name: str) -> None:
    """Writes ``value`` into the memory of the argument ``name``."""
    try:
        if is_tensor(target):
            with import_torch("a tensor").no_grad():
                target.copy_(to_tensor(value))
        else:
            np.copyto(target, to_array(value))
    except (RuntimeError, ValueError) as error:
        raise ArgumentError(f"the model writes into {name!r}, which cannot be: {error}") from None


def flatten(arguments: Iterable[Any], place: str = "argument") -> Iterator[Value]:
    """The arrays and tensors in nested tuples, lists and dicts, in order."""
    for i, argument in enumerate(arguments):
        here = f"{place} {i}"
        if isinstance(argument, (tuple, list)):
            yield from flatten(argument, f"{here}, item")
        elif isinstance(argument, dict):
            yield from flatten(argument.values(), f"{here}, value")
        elif isinstance(argument, np.ndarray) or is_tensor(argument):
            _check_plain(argument)
            yield argument
        elif isinstance(argument, np.generic):
            yield np.asarray(argument)
        else:
            raise ArgumentError(
                f"{here} is {type(argument).__name__}, neither a torch tensor nor a numpy array"
            )
