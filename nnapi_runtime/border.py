"""Values on their way into and out of NNAPI: element type, order of dimensions, quantisation."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from nnapi_runtime import _loader
from nnapi_runtime.errors import ArgumentError, ModelError
from nnapi_runtime.manifest import Border, Shape
from nnapi_runtime.tensors import Array, Value, import_torch, is_tensor, to_array

# Dtypes that torch has for quantised tensors, and their integers.
_QUANTISED = {"quint8": "uint8", "qint8": "int8", "qint32": "int32"}


class BorderCrossing:
    """Takes values of one border across, either way."""

    def __init__(self, border: Border, operand: _loader.Border) -> None:
        """Raises `ModelError` where the manifest and the model words disagree."""
        self.border = border
        self.operand_dtype = np.dtype(operand.dtype)
        self.operand_shape = operand.shape
        try:
            self.array_dtype = np.dtype(_QUANTISED.get(border.dtype, border.dtype))
        except TypeError:
            raise self._disagree(f"dtype {border.dtype}", f"{operand.dtype}") from None
        if border.type != operand.type:
            raise self._disagree(f"operand type {border.type}", f"{operand.type}")
        if not _same_quantisation(border, operand.scale, operand.zero_point):
            raise self._disagree(
                f"scale {border.scale}, zero point {border.zero_point}",
                f"{operand.scale}, {operand.zero_point}",
            )
        if not _convertible(self.array_dtype, self.operand_dtype):
            raise self._disagree(f"dtype {border.dtype}", f"{operand.dtype}")
        physical = tuple(border.shape[axis] for axis in border.order)
        # The operand's dimensions, where they are not the tensor's: a 0-d tensor is stored as one of
        # shape [1], and one of rank above 4 with its leading dimensions merged.
        self.stored = _stored(physical, operand.shape)
        if operand.shape is not None and not _agree(self.stored or physical, operand.shape):
            raise self._disagree(f"shape {physical}", f"{operand.shape}")
        self.inverse = tuple(int(i) for i in np.argsort(np.asarray(border.order, np.int64)))

    def _disagree(self, manifest: str, words: str) -> ModelError:
        return ModelError(
            f"value {self.border.value!r} has {manifest} in the manifest, but {words} in the model"
        )

    def into(self, value: Value) -> Array:
        """The operand: in NNAPI's element type, order of dimensions, and without gaps."""
        check_quantisation(self.border, value)
        array = _convert(to_array(value), self.operand_dtype, self.border.value)
        array = np.require(array.transpose(self.border.order), requirements=["C", "A"])
        return array if self.stored is None else array.reshape(_sizes(self.stored))

    def out_of(self, operand: Array, *, as_tensor: bool, contiguous: bool = True) -> Value:
        """What torch has, in torch's order of dimensions; else a view of the operand's memory where it can be one."""
        if self.stored is not None:
            operand = operand.reshape(
                _sizes([self.border.shape[axis] for axis in self.border.order])
            )
        array = operand.transpose(self.inverse)
        array = _convert(array, self.array_dtype, self.border.value)
        if contiguous:
            array = np.require(array, requirements=["C"])
        if not as_tensor:
            return array
        torch = import_torch("a tensor")
        tensor = torch.from_numpy(array)
        if self.border.dtype in _QUANTISED:
            return torch._make_per_tensor_quantized_tensor(
                tensor, self.border.scale, self.border.zero_point
            )
        return tensor


def check_quantisation(border: Border, value: Value) -> None:
    """Raises `ArgumentError` for a quantised tensor of other parameters; any other value passes."""
    if not is_tensor(value) or not value.is_quantized:
        return
    torch = import_torch("a quantised tensor")
    if value.qscheme() not in (torch.per_tensor_affine, torch.per_tensor_symmetric):
        raise ArgumentError(f"{border.value!r} is quantised per channel, not per tensor")
    if not _same_quantisation(border, value.q_scale(), value.q_zero_point()):
        raise ArgumentError(
            f"{border.value!r} is quantised with scale {value.q_scale()} and zero point "
            f"{value.q_zero_point()}; the model takes {border.scale} and {border.zero_point}"
        )


def _stored(physical: Shape, operand: Shape | None) -> Shape | None:
    if operand is None or len(operand) >= len(physical) > 0:
        return None
    extra = len(physical) - len(operand)
    if extra < 0:
        return (1,)
    leading = physical[: extra + 1]
    known = [size for size in leading if size is not None]
    merged = math.prod(known) if len(known) == len(leading) else None
    return (merged, *physical[extra + 1 :])


def _agree(ours: Shape, theirs: Shape) -> bool:
    return len(ours) == len(theirs) and all(
        a is None or b is None or a == b for a, b in zip(ours, theirs, strict=True)
    )


def _sizes(shape: Iterable[int | None]) -> list[int]:
    return [-1 if size is None else size for size in shape]


def _same_quantisation(border: Border, scale: float, zero_point: int) -> bool:
    """NNAPI's scales are float32."""
    return bool(np.float32(border.scale) == np.float32(scale)) and border.zero_point == zero_point


def _convertible(one: np.dtype, other: np.dtype) -> bool:
    """Where each value has its equal or is refused (integers), or has its rounding (floats)."""
    return one == other or {one.kind, other.kind} <= set("iu") or one.kind == other.kind == "f"


def _convert(array: Array, dtype: np.dtype, name: str) -> Array:
    if array.dtype == dtype:
        return array
    if dtype.kind in "iu" and array.dtype.kind in "iu" and array.size:
        limits = np.iinfo(dtype)
        low, high = int(array.min()), int(array.max())
        if low < limits.min or high > limits.max:
            worst = low if low < limits.min else high
            raise ArgumentError(
                f"{name!r} holds {worst}, which NNAPI's {dtype} cannot; its values must be from "
                f"{limits.min} to {limits.max}"
            )
    return array.astype(dtype)
