"""Runs one NNAPI operation on the host runtime, with operands by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import frozen

import nnapi_runtime
from nnapi_core.nnapi.builder import Builder, Ref, TypedConstant
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.opset import OperationSpec, ops
from nnapi_core.nnapi.serialize import WeightTable, serialize
from nnapi_core.nnapi.types import ChannelQuant, OperandCode, OperandType, Quant

PLAIN_CODES = {
    np.dtype("f4"): OperandCode.TENSOR_FLOAT32,
    np.dtype("f2"): OperandCode.TENSOR_FLOAT16,
    np.dtype("i4"): OperandCode.TENSOR_INT32,
    np.dtype("bool"): OperandCode.TENSOR_BOOL8,
}


@frozen(eq=False)
class Tensor:
    """A tensor operand: its data, how it is quantised, and whether it is a constant of the model."""

    data: np.ndarray
    code: OperandCode
    quant: Quant | ChannelQuant | None = None
    constant: bool = False

    @property
    def type(self) -> OperandType:
        return OperandType(self.code, self.data.shape, self.quant)

    @property
    def real(self) -> np.ndarray:
        """The values that the data stand for, in float64."""
        data = self.data.astype(np.float64)
        if isinstance(self.quant, Quant):
            return (data - self.quant.zero_point) * self.quant.scale
        if isinstance(self.quant, ChannelQuant):
            shape = [1] * data.ndim
            shape[self.quant.dim] = -1
            return data * np.reshape(self.quant.scales, shape)
        return data


def tensor(data: Any, *, constant: bool = False) -> Tensor:
    """A tensor of a type without quantisation, by its numpy dtype."""
    array = np.asarray(data)
    return Tensor(array, PLAIN_CODES[array.dtype], constant=constant)


def ones(*shape: int) -> Tensor:
    return tensor(np.ones(shape, np.float32))


def run_operation(
    spec: OperationSpec,
    outputs: Sequence[OperandType],
    *,
    level: int = 1000008,
    relaxed: bool = False,
    **operands: Any,
) -> list[np.ndarray]:
    """Builds a model of one operation, runs it, and returns its outputs.

    An operand is a `Tensor` (a model input unless ``constant``), a scalar, a list of integers, a list of
    tensors for a repeated operand, or None where an optional one is omitted.
    """
    builder = Builder(level)
    inputs, arrays = [], []

    def place(value: Any) -> Any:
        if isinstance(value, (list, tuple)) and any(isinstance(item, Tensor) for item in value):
            return [place(item) for item in value]
        if not isinstance(value, Tensor):
            return value
        if value.data.size == 0:
            return empty(value.type)
        if value.constant:
            return TypedConstant(Constant.of(value.data), value.type)
        return model_input(value.type, value.data)

    def model_input(type_: OperandType, data: np.ndarray) -> Ref:
        inputs.append(builder.variable(type_))
        arrays.append(np.asarray(data, order="C"))
        return inputs[-1]

    def empty(type_: OperandType) -> Ref:
        """Neither inputs nor constants may be empty in NNAPI, only results of other operations."""
        if type_.code is OperandCode.TENSOR_BOOL8:
            integers = empty(OperandType(OperandCode.TENSOR_INT32, type_.dims))
            return builder.emit(ops.EQUAL, {"a": integers, "b": integers}, [type_])[0]
        whole = OperandType(type_.code, tuple(max(1, dim) for dim in type_.dims), type_.quant)
        source = model_input(whole, np.zeros(whole.dims, type_.code.element))
        part = {"input": source, "begin": [0] * len(type_.dims), "size": list(type_.dims)}
        return builder.emit(ops.SLICE, part, [type_])[0]

    arguments: Mapping[str, Any] = {name: place(value) for name, value in operands.items()}
    results = builder.emit(spec, arguments, outputs)
    weights = WeightTable()
    words = serialize(builder.finish(inputs, results), weights)
    executor = nnapi_runtime.Executor(
        words, [constant.array() for constant in weights.constants], relaxed=relaxed
    )
    return list(executor.run(arrays))
