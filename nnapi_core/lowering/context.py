"""``nn``, the first argument of every lowering: the node's results as specified, and how to emit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from attrs import evolve

from nnapi_core.errors import Unsupported
from nnapi_core.lowering.value import TensorSpec, Value
from nnapi_core.nnapi.builder import Argument, Builder
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.layout import Axis, Order, compose, invert
from nnapi_core.nnapi.model import Model, Origin
from nnapi_core.nnapi.opset import OperationSpec, ops
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

    def __repr__(self) -> str:
        return f"<Context {self._origin}>"

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
        return self.emit_many(spec, outs=[out], **operands)[0]

    def emit_many(
        self, spec: OperationSpec, *, outs: Sequence[TensorSpec], **operands: Any
    ) -> tuple[Value, ...]:
        """The same for an operation with several results."""
        arguments = {name: _argument(value) for name, value in operands.items()}
        results = self._builder.emit(spec, arguments, [out.type for out in outs], self._origin)
        return tuple(Value(out, ref) for out, ref in zip(outs, results, strict=True))

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
        first = next((value for value in tensors if not value.is_constant), tensors[0])
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
        return TensorSpec(tuple(shape), dtype, order, quant or kept)

    # ---- making and moving values

    def constant(
        self,
        data: Any,
        dtype: torch.dtype = torch.float32,
        *,
        quant: Quant | ChannelQuant | None = None,
    ) -> Value:
        """A constant in torch's shape; numbers and arrays of numbers are converted to ``dtype``."""
        element = torch.empty(0, dtype=dtype).numpy().dtype
        array = np.asarray(data, element)
        return Value(TensorSpec(array.shape, dtype, quant=quant), Constant.of(array))

    def filled(self, like: Value | TensorSpec, number: float) -> Value:
        """A constant of one element that broadcasts against ``like``."""
        return self.constant([number], like.dtype)

    def align(self, value: Value, order: Order, rank: int) -> Value:
        """``value`` as an operand that broadcasts against one of ``rank`` in ``order``."""
        if order is Order.CHANNELS_LAST and rank == 4 and value.rank < 4:
            if value.is_constant and value.spec.count == 1:
                return value
            value = self.reshape(value, (1,) * (4 - value.rank) + tuple(value.shape))
        return self.arrange(value, order) if value.rank == 4 else value

    def arrange(self, value: Value, order: Order) -> Value:
        """``value`` lying in ``order``; free for a constant."""
        if value.order is order or value.rank != 4:
            return value
        if value.is_constant:
            return value.in_order(order)
        moved = compose(order.permutation(4), invert(value.order.permutation(4)))
        spec = evolve(value.spec, order=order)
        physical = value.spec.type.dims
        kept = [dim for dim in moved if physical[dim] != 1]
        if kept == sorted(kept):
            # Only dimensions of size 1 move: the bytes stay where they are.
            return self._reinterpret(value, spec)
        return self._emit_transpose(value, moved, spec)

    def _reinterpret(self, value: Value, spec: TensorSpec) -> Value:
        """The same bytes under another shape or order."""
        if spec.type == value.spec.type:
            return evolve(value, spec=spec)
        dims = [dim if isinstance(dim, int) else -1 for dim in spec.type.dims]
        if dims.count(-1) > 1:
            raise Unsupported("more than one free dimension in a reshape")
        moved = self.emit_many(ops.RESHAPE, outs=[spec], input=value, shape=dims)[0]
        return evolve(moved, known=value.known)

    def _emit_transpose(self, value: Value, permutation: Sequence[int], spec: TensorSpec) -> Value:
        moved = self.emit_many(
            ops.TRANSPOSE, outs=[spec], input=value, permutation=list(permutation)
        )[0]
        return evolve(moved, known=value.known)

    def reshape(self, value: Value, shape: Sequence[Dim]) -> Value:
        """``torch.reshape``; the result lies as torch has it."""
        new = tuple(shape)
        if new == tuple(value.shape):
            return value
        if value.is_constant:
            return value.reshaped(evolve(value.spec, shape=new).static_shape)
        plain = self.arrange(value, Order.TORCH)
        return self._reinterpret(plain, evolve(plain.spec, shape=new, order=Order.TORCH))

    def permute(self, value: Value, dims: Sequence[int]) -> Value:
        """``torch.permute``. Takes any order, and gives the one that needs no data to move if there is one."""
        if value.is_constant:
            return value.permuted(dims)
        rank = value.rank
        shape = tuple(value.shape[dim] for dim in dims)
        here = value.order.permutation(rank)
        for order in (Order.TORCH, Order.CHANNELS_LAST)[: 2 if rank == 4 else 1]:
            moved = compose(compose(order.permutation(rank), tuple(dims)), invert(here))
            kept = [dim for dim in moved if value.spec.type.dims[dim] != 1]
            if kept == sorted(kept):
                return self._reinterpret(value, evolve(value.spec, shape=shape, order=order))
        moved = compose(tuple(dims), invert(here))
        return self._emit_transpose(
            value, moved, evolve(value.spec, shape=shape, order=Order.TORCH)
        )


def broadcast_shapes(shapes: Sequence[Sequence[Dim]]) -> tuple[Dim, ...]:
    """Numpy's rule, with free dimensions taken to be equal to each other and unequal to 1."""
    rank = max(len(shape) for shape in shapes)
    result: list[Dim] = []
    for position in range(-rank, 0):
        dims = [shape[position] for shape in shapes if len(shape) >= -position]
        result.append(next((dim for dim in dims if dim != 1), 1))
    return tuple(result)


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
