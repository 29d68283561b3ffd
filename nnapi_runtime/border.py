"""Values on their way into and out of NNAPI: element type, order of dimensions, quantisation."""

from __future__ import annotations

import numpy as np

from nnapi_runtime import _loader
from nnapi_runtime.errors import ArgumentError, ModelError
from nnapi_runtime.manifest import Border
from nnapi_runtime.tensors import Array, Value, import_torch, is_tensor, to_array

# Dtypes that torch has for quantised tensors, and their integers.
_QUANTISED = {"quint8": "uint8", "qint8": "int8", "qint32": "int32"}


class BorderCrossing:
    """Takes values of one border across, either way."""

    def __init__(self, border: Border, operand: _loader.Border) -> None:
        """Raises `ModelError` where the manifest and the model words disagree."""
        self.border = border
        self.operand_dtype = np.dtype(operand.dtype)
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
        # NNAPI has no tensors of rank 0; one element stands for them.
        self.is_rank_0 = not border.shape and operand.shape == (1,)
        if not self.is_rank_0 and operand.shape is not None:
            physical = tuple(border.shape[axis] for axis in border.order)
            if len(physical) != len(operand.shape) or any(
                theirs is not None and ours is not None and ours != theirs
                for ours, theirs in zip(physical, operand.shape, strict=True)
            ):
                raise self._disagree(f"shape {physical}", f"{operand.shape}")
        self.inverse = tuple(int(i) for i in np.argsort(np.asarray(border.order, np.int64)))

    def _disagree(self, manifest: str, words: str) -> ModelError:
        return ModelError(
            f"value {self.border.value!r} has {manifest} in the manifest, but {words} in the model"
        )

    def into(self, value: Value) -> Array:
        """The operand: in NNAPI's element type, order of dimensions, and without gaps."""
        if is_tensor(value) and value.is_quantized:
            self._check_quantisation(value)
        array = _convert(to_array(value), self.operand_dtype, self.border.value)
        if self.is_rank_0:
            return array.reshape(1)
        return np.require(array.transpose(self.border.order), requirements=["C", "A"])

    def out_of(self, operand: Array, *, as_tensor: bool) -> Value:
        """What torch has, in torch's order of dimensions."""
        array = operand.reshape(()) if self.is_rank_0 else operand.transpose(self.inverse)
        array = np.require(_convert(array, self.array_dtype, self.border.value), requirements=["C"])
        if not as_tensor:
            return array
        torch = import_torch("a tensor")
        tensor = torch.from_numpy(array)
        if self.border.dtype in _QUANTISED:
            return torch._make_per_tensor_quantized_tensor(
                tensor, self.border.scale, self.border.zero_point
            )
        return tensor

    def _check_quantisation(self, value: Value) -> None:
        torch = import_torch("a quantised tensor")
        if value.qscheme() not in (torch.per_tensor_affine, torch.per_tensor_symmetric):
            raise ArgumentError(f"{self.border.value!r} is quantised per channel, not per tensor")
        if not _same_quantisation(self.border, value.q_scale(), value.q_zero_point()):
            raise ArgumentError(
                f"{self.border.value!r} is quantised with scale {value.q_scale()} and zero point "
                f"{value.q_zero_point()}; the model takes {self.border.scale} and "
                f"{self.border.zero_point}"
            )


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
