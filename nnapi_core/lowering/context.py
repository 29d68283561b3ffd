"""``nn``, the first argument of every lowering: the node's results as specified, and how to emit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from attrs import evolve

from nnapi_core.errors import Unsupported
from nnapi_core.graph.program import numpy_dtype
from nnapi_core.lowering import arrange_values, casts
from nnapi_core.lowering.byte_operations import check_bytes
from nnapi_core.lowering.merge_dimensions import (
    merged_runs,
    merged_shape,
    repetitions,
    stored_alike,
)
from nnapi_core.lowering.quantised_results import (
    Roundings,
    integer_of,
    number,
    same,
    tensors,
    with_quant,
)
from nnapi_core.lowering.value import TensorSpec, Value
from nnapi_core.nnapi.builder import Argument, Builder, Ref
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.device_profile import DeviceProfile
from nnapi_core.nnapi.layout import Axis, Order
from nnapi_core.nnapi.model import Model, Origin
from nnapi_core.nnapi.opset import OperationSpec, ops
from nnapi_core.nnapi.quant_rules import fixed_quant, keeps_quant
from nnapi_core.nnapi.types import ChannelQuant, Dim, Quant

_KEEP_SHAPE = {
    "ABS", "NEG", "EXP", "LOG", "SQRT", "RSQRT", "SIN", "FLOOR", "LOGICAL_NOT", "RELU", "RELU1",
    "RELU6", "LOGISTIC", "TANH", "HARD_SWISH", "ELU", "SOFTMAX", "LOG_SOFTMAX", "CAST", "QUANTIZE",
    "DEQUANTIZE", "L2_NORMALIZATION", "LOCAL_RESPONSE_NORMALIZATION", "INSTANCE_NORMALIZATION",
    "SELECT", "REVERSE", "CHANNEL_SHUFFLE",
}  # fmt: skip


class Context:
    """Emits operations for one node.

    ``outs`` are the results that the exporter promises (torch's shapes and dtypes), ``wanted`` says which of
    them anybody reads, ``level`` is the target.
    """

    def __init__(
        self,
        builder: Builder,
        origin: Origin,
        outs: Sequence[TensorSpec],
        wanted: Sequence[bool] | None = None,
    ) -> None:
        self._builder = builder
        self._origin = origin
        self.outs = tuple(outs)
        self.wanted = tuple(wanted) if wanted is not None else (True,) * len(self.outs)
        quantised = any(out.quant is not None for out in self.outs)
        self._roundings = Roundings(builder.target, self.outs) if quantised else None

    def __repr__(self) -> str:
        return f"<Context {self._origin}>"

    @property
    def reader(self) -> str:
        """The operator of the call that is lowered."""
        return self._origin.target

    @property
    def out(self) -> TensorSpec:
        """The only result. Raises `TypeError` for an operator with several."""
        if len(self.outs) != 1:
            raise TypeError(f"{self._origin.target} has {len(self.outs)} results; use nn.outs")
        return self.outs[0]

    @property
    def level(self) -> int:
        """The target feature level."""
        return self._builder.target

    @property
    def profile(self) -> DeviceProfile | None:
        """What the driver takes that the model is for, with its name; None where none was said."""
        return self._builder.profile

    @property
    def is_stock(self) -> bool:
        """Is the model to be said in stock PyTorch's format?"""
        return self._builder.stock

    def has(self, value: Value) -> bool:
        """Is it a constant, or an operand of the model being built?"""
        return not isinstance(value.source, Ref) or self._builder.owns(value.source)

    # ---- emitting

    def emit(
        self,
        spec: OperationSpec,
        *,
        out: TensorSpec | None = None,
        shape: Sequence[Dim] | None = None,
        dtype: torch.dtype | None = None,
        quant: Quant | ChannelQuant | None = None,
        **operands: Any,
    ) -> Value:
        """Emits one operation with its operands by name, and returns its result.

        Tensors are given as `Value`, axes as `Axis`, the rest as plain numbers and lists. The result is
        ``out`` (usually ``nn.out``), or an intermediate: of torch shape ``shape`` (not needed for operations
        that keep or broadcast shapes), and of the first tensor's dtype, order and quantisation unless said
        otherwise. Raises `Unsupported` where NNAPI has not got it at the target level.
        """
        operands = self._aligned(spec, operands)
        if out is None:
            out = self._intermediate(spec, operands, shape, dtype, quant)
        if spec.broadcasts and out.rank > 4:
            return self._emit_merged(spec, out, operands)
        return self.emit_many(spec, outs=[out], **operands)[0]

    def _emit_merged(self, spec: OperationSpec, out: TensorSpec, operands: dict[str, Any]) -> Value:
        """Broadcasts above rank 4, with the dimensions merged that all operands have or all stretch.

        An operand is repeated first where more than four are left of these.
        """
        shapes = [v.static_shape for v in operands.values() if isinstance(v, Value)]
        if stored_alike(shapes, out.static_shape):
            return self.emit_many(spec, outs=[out], **operands)[0]
        for step in repetitions(shapes, out.static_shape):
            name = [name for name, v in operands.items() if isinstance(v, Value)][step.operand]
            operands[name] = arrange_values.repeat(self, operands[name], step, out.static_shape)
        shapes = [v.static_shape for v in operands.values() if isinstance(v, Value)]
        runs = merged_runs(shapes, out.static_shape)
        merged = {
            name: self.reshape(value, merged_shape(value.static_shape, runs, out.rank))
            if isinstance(value, Value)
            else value
            for name, value in operands.items()
        }
        inner = evolve(out, shape=merged_shape(out.static_shape, runs, out.rank))
        return self.reshape(self.emit_many(spec, outs=[inner], **merged)[0], out.shape)

    def emit_many(
        self, spec: OperationSpec, *, outs: Sequence[TensorSpec], **operands: Any
    ) -> tuple[Value, ...]:
        """The same for an operation with several results."""
        if self._roundings is not None:
            return self._emit_integers(self._roundings, spec, outs, operands)
        return self._emit_as_said(spec, outs, operands)

    def _emit_as_said(
        self, spec: OperationSpec, outs: Sequence[TensorSpec], operands: dict[str, Any]
    ) -> tuple[Value, ...]:
        read = [value.spec for value in tensors(operands.values())]
        if any(one.is_byte for one in (*read, *outs)):
            check_bytes(spec, self.is_stock)
        arguments = {name: _argument(value) for name, value in operands.items()}
        results = self._builder.emit(spec, arguments, [out.type for out in outs], self._origin)
        return tuple(Value(out, ref) for out, ref in zip(outs, results, strict=True))

    def _emit_integers(
        self,
        roundings: Roundings,
        spec: OperationSpec,
        outs: Sequence[TensorSpec],
        operands: dict[str, Any],
    ) -> tuple[Value, ...]:
        """The same where the node's results are quantised: with the scales that NNAPI asks for."""
        given = tensors(operands.values())
        if spec is ops.PAD_V2 and isinstance(operands["value"], float):
            operands["value"] = integer_of(operands["value"], given[0].spec)
        asked = [with_quant(out, roundings.result_quant(spec, given, out)) for out in outs]
        results = self._emit_as_said(spec, asked, operands)
        roundings.follow(spec, given, results)
        return results

    def requantised(self, value: Value, quant: Quant) -> Value:
        """``value`` with another scale and zero point, by adding zero: an integer operation of every level."""
        if value.dtype not in (torch.uint8, torch.int8) or same(value.quant, quant):
            return value
        if self._roundings is not None:
            self._roundings.check_coarser(value, quant)
        zero = self.constant([0.0], value.dtype, quant=Quant(quant.scale, 0))
        spec = evolve(value.spec, quant=quant)
        (result,) = self._emit_as_said(ops.ADD, [spec], {"a": value, "b": zero})
        if self._roundings is not None:
            self._roundings.mark(result)
        return result

    def _aligned(self, spec: OperationSpec, operands: dict[str, Any]) -> dict[str, Any]:
        """Constants of a broadcasting operation follow the order of its other operands."""
        if not spec.broadcasts:
            return operands
        tensors = [value for value in operands.values() if isinstance(value, Value)]
        orders = {value.order for value in tensors if not value.is_constant and value.rank == 4}
        if len(orders) > 1:
            raise TypeError(f"{spec}: operands lie in different orders; use Layout.SAME")
        order = orders.pop() if orders else Order.TORCH
        rank = max((value.rank for value in tensors), default=0)
        return {
            name: self.align(value, order, rank) if isinstance(value, Value) else value
            for name, value in operands.items()
        }

    def _intermediate(
        self,
        spec: OperationSpec,
        operands: dict[str, Any],
        shape: Sequence[Dim] | None,
        dtype: torch.dtype | None,
        quant: Quant | ChannelQuant | None,
    ) -> TensorSpec:
        tensors = [value for value in operands.values() if isinstance(value, Value)]
        result = spec.outputs[0].kind
        alike = [
            value
            for name, value in operands.items()
            if isinstance(value, Value) and spec.kind_of(name) == result
        ]
        candidates = alike or tensors
        first = next((value for value in candidates if not value.is_constant), candidates[0])
        if shape is None:
            if spec.broadcasts:
                shape = broadcast_shapes([value.shape for value in tensors])
            elif spec.name in _KEEP_SHAPE:
                shape = first.shape
            else:
                raise TypeError(f"{spec}: say the shape of the result")
        if dtype is None:
            kinds = {"b8": torch.bool, "i32": torch.int32}
            dtype = kinds.get(spec.outputs[0].kind, first.dtype)
        order = first.order if len(shape) == 4 else Order.TORCH
        plain = dtype is torch.bool or dtype.is_floating_point or dtype is torch.int32
        kept = None if plain else first.quant
        if not plain and self._roundings is not None:
            kept = self._own_quant(spec, TensorSpec((), dtype, quant=kept)) or kept
        return TensorSpec(tuple(shape), dtype, order, quant or kept)

    def finished(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Model:
        """The model of everything emitted, with operands of it as inputs and outputs."""
        ins, outs = ([_ref(value) for value in values] for values in (inputs, outputs))
        return self._builder.finish(ins, outs)

    def _own_quant(self, spec: OperationSpec, first: TensorSpec) -> Quant | ChannelQuant | None:
        """The quantisation of an intermediate, of which the lowering said nothing."""
        fixed = fixed_quant(spec, first.code)
        if fixed is not None or keeps_quant(spec):
            return fixed
        return next((out.quant for out in self.outs if out.quant is not None), None)

    # ---- making and moving values

    def constant(
        self,
        data: Any,
        dtype: torch.dtype = torch.float32,
        *,
        quant: Quant | ChannelQuant | None = None,
    ) -> Value:
        """A constant in torch's shape; numbers and arrays of numbers are converted to ``dtype``."""
        if self._roundings is not None and quant is None and dtype in (torch.uint8, torch.int8):
            if np.size(data) != 1:
                raise Unsupported("a constant of several numbers that has no scale")
            return number(float(np.reshape(data, ())), TensorSpec((1,), dtype))
        element = numpy_dtype(dtype)
        array = np.asarray(data, element)
        return Value(TensorSpec(array.shape, dtype, quant=quant), Constant.of(array))

    def cast(self, value: Value, dtype: torch.dtype) -> Value:
        """``value.to(dtype)``; free for a constant. Raises `Unsupported` where int32 may be too small."""
        return casts.cast(self, value, dtype)

    def carried(self, values: Sequence[Value], move: casts.Move) -> Value:
        """``move(values)`` by operations that take floats only, whatever the dtype: the elements stay exact."""
        return casts.carried(self, values, move)

    def full(self, like: Value | TensorSpec, number: float, dtype: torch.dtype) -> Value:
        """A constant of the whole shape of ``like``, for operations that do not broadcast."""
        return casts.full(like.spec if isinstance(like, Value) else like, number, dtype)

    def filled(self, like: Value | TensorSpec, number: float) -> Value:
        """A constant of one element (0-d) that broadcasts against ``like``."""
        return self.constant(number, like.dtype)

    def align(self, value: Value, order: Order, rank: int) -> Value:
        """``value`` as an operand that broadcasts against one of ``rank`` in ``order``."""
        return arrange_values.align(self, value, order, rank)

    def arrange(self, value: Value, order: Order) -> Value:
        """``value`` lying in ``order``; free for a constant."""
        return arrange_values.arrange(self, value, order)

    def copied(self, value: Value) -> Value:
        """The same elements in an operand of their own."""
        return arrange_values.copied(self, value)

    def reshape(self, value: Value, shape: Sequence[Dim]) -> Value:
        """``torch.reshape``; the result lies as torch has it."""
        return arrange_values.reshape(self, value, shape)

    def permute(self, value: Value, dims: Sequence[int]) -> Value:
        """``torch.permute``. Takes any order, and gives the one that needs no data to move if there is one."""
        return arrange_values.permute(self, value, dims)


def broadcast_shapes(shapes: Sequence[Sequence[Dim]]) -> tuple[Dim, ...]:
    """Numpy's rule, with free dimensions taken to be equal to each other and unequal to 1."""
    rank = max(len(shape) for shape in shapes)
    result: list[Dim] = []
    for position in range(-rank, 0):
        dims = [shape[position] for shape in shapes if len(shape) >= -position]
        result.append(next((dim for dim in dims if dim != 1), 1))
    return tuple(result)


def _ref(value: Value) -> Ref:
    if not isinstance(value.source, Ref):
        raise TypeError("a model's inputs and outputs are operands, not constants")
    return value.source


def _argument(value: Any) -> Argument:
    if isinstance(value, Value):
        return value.argument()
    if isinstance(value, Axis):
        return value.index
    if isinstance(value, (list, tuple)) and any(isinstance(item, Value) for item in value):
        return [_argument(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, list, tuple, Model)):
        return value
    raise TypeError(f"an operand cannot be {value!r}")
