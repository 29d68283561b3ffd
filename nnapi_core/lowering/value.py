"""What a lowering handles: a tensor of the torch graph and where it lies in the NNAPI model."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from attrs import evolve, frozen

from nnapi_core.errors import Unsupported
from nnapi_core.graph.program import no_tensors_of
from nnapi_core.lowering.integer_bounds import ANY_INT32, TRUTH, UNKNOWN, Bounds
from nnapi_core.nnapi.builder import Argument, Ref, TypedConstant
from nnapi_core.nnapi.constant import Array, Constant
from nnapi_core.nnapi.layout import Axis, Order
from nnapi_core.nnapi.types import (
    ChannelQuant,
    Dim,
    OperandCode,
    OperandType,
    Quant,
    SymbolicDim,
)

_CODES = {
    torch.float32: OperandCode.TENSOR_FLOAT32,
    torch.float16: OperandCode.TENSOR_FLOAT16,
    torch.int32: OperandCode.TENSOR_INT32,
    torch.int64: OperandCode.TENSOR_INT32,
    torch.bool: OperandCode.TENSOR_BOOL8,
    # Numbers of a byte are stored as quantised by steps of one.
    torch.uint8: OperandCode.TENSOR_QUANT8_ASYMM,
    torch.int8: OperandCode.TENSOR_QUANT8_ASYMM_SIGNED,
}
BYTES = {torch.uint8: Bounds(0, 255), torch.int8: Bounds(-128, 127)}
"""Integers of one byte, and what they lie between."""
_STEPS_OF_ONE = Quant(1.0, 0)
_QUANTISED = {
    torch.uint8: OperandCode.TENSOR_QUANT8_ASYMM,
    torch.int8: OperandCode.TENSOR_QUANT8_ASYMM_SIGNED,
    torch.int16: OperandCode.TENSOR_QUANT16_SYMM,
    torch.uint16: OperandCode.TENSOR_QUANT16_ASYMM,
    torch.int32: OperandCode.TENSOR_INT32,
}

# NNAPI's operations take tensors of rank 4 at most, but for a few.
MOST_DIMS = 4


def fixed(dims: Sequence[Dim]) -> tuple[int, ...]:
    """Dimensions as integers. Raises `Unsupported` where one is free."""
    numbers = tuple(dim for dim in dims if isinstance(dim, int))
    if len(numbers) != len(dims):
        raise Unsupported("needs fixed dimensions", shape=[str(dim) for dim in dims])
    return numbers


@frozen
class TensorSpec:
    """Shape (torch's), dtype (torch's), physical order and quantisation of a tensor."""

    shape: tuple[Dim, ...]
    dtype: torch.dtype
    order: Order = Order.TORCH
    quant: Quant | ChannelQuant | None = None
    """The dimension of a `ChannelQuant` is torch's here."""

    @property
    def code(self) -> OperandCode:
        """The NNAPI type that holds it. Raises `Unsupported` where there is none."""
        if isinstance(self.quant, ChannelQuant):
            return OperandCode.TENSOR_QUANT8_SYMM_PER_CHANNEL
        table = _CODES if self.quant is None else _QUANTISED
        if self.dtype not in table:
            raise no_tensors_of(self.dtype)
        return table[self.dtype]

    @property
    def type(self) -> OperandType:
        """The operand type.

        A 0-d tensor is stored as one of shape [1], since rank 0 is "unknown" to NNAPI. One of rank above 4
        has its leading dimensions merged, since most of NNAPI stops there. An empty one is refused: a size of 0
        is "unknown" too.
        """
        if self.is_empty:
            raise Unsupported("NNAPI has no tensors without elements", shape=self.shape)
        return OperandType(self.code, self.stored_dims, self.stored_quant)

    @property
    def is_byte(self) -> bool:
        """Are these bytes the numbers themselves? Those of a quantised tensor only stand for numbers."""
        return self.quant is None and self.dtype in BYTES

    @property
    def stored_quant(self) -> Quant | ChannelQuant | None:
        """The operand's quantisation, of its own dimensions."""
        if self.is_byte:
            return _STEPS_OF_ONE
        if isinstance(self.quant, ChannelQuant):
            permutation = self.order.permutation(self.rank)
            return evolve(self.quant, dim=permutation.index(self.quant.dim))
        return self.quant

    @property
    def stored_dims(self) -> tuple[Dim, ...]:
        """The dimensions of the operand."""
        dims = self.order.physical(self.shape) or (1,)
        extra = len(dims) - MOST_DIMS
        return dims if extra <= 0 else (product(dims[: extra + 1]), *dims[extra + 1 :])

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def is_static(self) -> bool:
        return all(isinstance(dim, int) for dim in self.shape)

    @property
    def static_shape(self) -> tuple[int, ...]:
        """The shape as integers. Raises `Unsupported` where a dimension is free."""
        return fixed(self.shape)

    @property
    def count(self) -> int:
        return math.prod(self.static_shape)

    @property
    def is_empty(self) -> bool:
        return 0 in self.shape


@frozen(eq=False)
class Value:
    """A tensor in the model being built: a constant, or an operand."""

    spec: TensorSpec
    source: Constant | Ref
    """A constant holds torch's shape and order, whatever ``spec.order`` says it is to be stored in."""
    known: Bounds | None = None
    """Of its numbers, where the lowering that made it knows; read ``bounds``."""

    @property
    def shape(self) -> tuple[Dim, ...]:
        return self.spec.shape

    @property
    def static_shape(self) -> tuple[int, ...]:
        return self.spec.static_shape

    @property
    def rank(self) -> int:
        return self.spec.rank

    @property
    def dtype(self) -> torch.dtype:
        return self.spec.dtype

    @property
    def quant(self) -> Quant | ChannelQuant | None:
        return self.spec.quant

    @property
    def order(self) -> Order:
        return self.spec.order

    @property
    def is_empty(self) -> bool:
        return self.spec.is_empty

    @property
    def is_whole(self) -> bool:
        """Are its integers the numbers? Those of a quantised tensor only stand for numbers."""
        return not self.dtype.is_floating_point and self.quant is None

    @property
    def is_constant(self) -> bool:
        return isinstance(self.source, Constant)

    @property
    def bounds(self) -> Bounds:
        """What its numbers lie between. Integers never lie outside of int32: NNAPI has no more."""
        if self.dtype is torch.bool:
            return TRUTH
        if self.known is not None:
            return self.known
        if self.dtype.is_floating_point:
            return self._of_number()
        if isinstance(self.source, Constant) and not self.is_empty:
            array = self.source.array()
            return Bounds(int(array.min()), int(array.max()))
        if self.spec.is_byte:
            return BYTES[self.dtype]
        return ANY_INT32

    def _of_number(self) -> Bounds:
        """Of a constant of one element; of many floats, nobody asks."""
        if not isinstance(self.source, Constant) or self.quant is not None or self.spec.count != 1:
            return UNKNOWN
        number = float(self.source.array().reshape(()))
        return Bounds(number, number) if math.isfinite(number) else UNKNOWN

    def bounded(self, bounds: Bounds) -> Value:
        """The same tensor, whose numbers are known to lie within ``bounds``."""
        return evolve(self, known=bounds)

    def axis(self, dim: int) -> Axis:
        """Torch's ``dim`` (negative ones count from the end) as a dimension of the operand."""
        rank = max(self.rank, 1)
        if not -rank <= dim < rank:
            raise Unsupported("dimension out of range", dim=dim, rank=self.rank)
        merged = max(rank - MOST_DIMS, 0)
        if merged and dim % rank <= merged:
            raise Unsupported(
                "above rank 4, NNAPI sees the leading dimensions as one", dim=dim, rank=rank
            )
        return Axis(self.order.permutation(rank).index(dim % rank) - merged)

    def array(self) -> Array:
        """The data of a constant, in torch's shape and order. Raises `Unsupported` for an operand."""
        if not isinstance(self.source, Constant):
            raise Unsupported("needs a constant here, but it is computed by the model")
        return self.source.array()

    def in_order(self, order: Order) -> Value:
        """A constant, to be stored in another order."""
        return evolve(self, spec=evolve(self.spec, order=order))

    def reshaped(self, shape: Sequence[int]) -> Value:
        """A constant under another shape."""
        if not isinstance(self.source, Constant):
            raise TypeError("only a constant can be reshaped without an operation")
        new = evolve(
            self.spec, shape=tuple(shape), order=Order.TORCH, quant=self._quant_under(shape)
        )
        return Value(new, self.source.reshape(shape))

    def _quant_under(self, shape: Sequence[int]) -> Quant | ChannelQuant | None:
        """The quantisation under another shape. Raises `Unsupported` where that has no dimension of channels."""
        quant = self.quant
        if not isinstance(quant, ChannelQuant):
            return quant
        here = self.static_shape
        for dim, size in enumerate(shape):
            before = math.prod(shape[:dim]) == math.prod(here[: quant.dim])
            if before and size == here[quant.dim]:
                return evolve(quant, dim=dim)
        raise Unsupported("a reshape that takes the channels of a scale each apart", shape=shape)

    def permuted(self, dims: Sequence[int]) -> Value:
        """A constant with its dimensions permuted, as ``torch.permute`` does."""
        if not isinstance(self.source, Constant):
            raise TypeError("only a constant can be permuted without an operation")
        shape = tuple(self.shape[dim] for dim in dims)
        quant = self.quant
        if isinstance(quant, ChannelQuant):
            quant = evolve(quant, dim=list(dims).index(quant.dim))
        return Value(evolve(self.spec, shape=shape, quant=quant), self.source.transpose(dims))

    def argument(self) -> Argument:
        """For the builder."""
        if isinstance(self.source, Ref):
            return self.source
        type_ = self.spec.type
        constant = self.source
        if constant.dtype == np.int64:
            constant = constant.map(_narrowed, key="int32", dtype=np.int32)
        physical = constant.transpose(self.order.permutation(self.rank))
        stored = [dim for dim in type_.dims if isinstance(dim, int)]
        return TypedConstant(physical.reshape(stored), type_)


def _narrowed(array: Array) -> Array:
    limits = np.iinfo(np.int32)
    if array.size and (array.min() < limits.min or array.max() > limits.max):
        raise Unsupported(
            "an int64 constant does not fit NNAPI's int32", least=array.min(), most=array.max()
        )
    return array.astype(np.int32)


def product(dims: Sequence[Dim]) -> Dim:
    """How many elements; an expression where a dimension is free."""
    free = [dim for dim in dims if not isinstance(dim, int)]
    count = math.prod(dim for dim in dims if isinstance(dim, int))
    if not free:
        return count
    return SymbolicDim(
        "*".join([f"({dim})" for dim in free] + ([str(count)] if count != 1 else []))
    )
