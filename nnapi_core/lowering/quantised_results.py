"""What a lowering may do with quantised tensors, and what is done for it.

A lowering is written for numbers. Where all its tensors are quantised its operations are emitted with integer types,
each result with the scale that NNAPI asks for or the node promises. That is exact to one step as long as one
operation rounds, so an operation that would round what the same node has rounded before is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from attrs import evolve

from nnapi_core.errors import Unsupported
from nnapi_core.lowering.value import TensorSpec, Value
from nnapi_core.nnapi.builder import Ref
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.opset import OperationSpec
from nnapi_core.nnapi.quant_rules import (
    fixed_quant,
    keeps_quant,
    needs_fine_product,
    picks,
    takes_channels,
)
from nnapi_core.nnapi.types import ChannelQuant, Quant
from nnapi_core.reasons import Reason

# Scales that differ by less are the same: they were calculated along different ways.
_SAME = 1e-6


class RoundedTwice(Unsupported):
    """A call that several operations compute, each of which rounds: of the call, not of its arguments."""


class Roundings:
    """Of one node whose results are quantised."""

    def __init__(self, level: int, outs: Sequence[TensorSpec]) -> None:
        self._level = level
        quants = [out.quant for out in outs if isinstance(out.quant, Quant)]
        # What is rounded is rounded to the scale of the result, whatever the lowering took for its intermediate.
        self._own = quants[0] if quants else None
        self._rounded: set[Ref] = set()

    def is_rounded(self, value: Value) -> bool:
        return value.source in self._rounded

    def mark(self, value: Value) -> None:
        if isinstance(value.source, Ref):
            self._rounded.add(value.source)

    def result_quant(
        self, spec: OperationSpec, operands: Sequence[Value], wanted: TensorSpec
    ) -> Quant | None:
        """The quantisation of a result that was asked for as ``wanted``; the node's own, or what NNAPI asks for.

        Raises `Unsupported` where NNAPI's rules leave none.
        """
        own = self._own
        if own is None or not isinstance(wanted.quant, Quant) or wanted.dtype is torch.int32:
            return None
        for one in operands:
            quant = one.spec.type.quant
            if isinstance(quant, ChannelQuant) and not takes_channels(spec, quant):
                raise Unsupported(
                    f"{spec} of scales along this dimension of its weights",
                    Reason.TYPES,
                    dimension=quant.dim,
                )
        quants = [one.quant for one in operands if isinstance(one.quant, Quant)]
        if spec.name == "CONCATENATION":
            return self._joined(quants, own)
        fixed = fixed_quant(spec, wanted.code)
        if fixed is not None:
            return fixed
        if keeps_quant(spec):
            if not quants:
                raise Unsupported(f"{spec} of tensors that are not quantised", Reason.TYPES)
            if spec.name in ("SELECT", "PACK") and not all(same(one, quants[0]) for one in quants):
                raise Unsupported(f"{spec} of tensors with different scales", Reason.TYPES)
            if (
                spec.name in ("PAD", "SPACE_TO_BATCH_ND")
                and self._level < 29
                and quants[0].zero_point
            ):
                raise Unsupported(
                    "padding with a zero point needs feature level 29", Reason.FEATURE_LEVEL
                )
            return quants[0]
        if needs_fine_product(spec, self._level) and len(quants) >= 2:
            product = quants[0].scale * quants[1].scale
            if not np.float32(own.scale) > np.float32(product):
                raise Unsupported(
                    f"{spec} needs a result whose scale is above the product of its operands'",
                    Reason.TYPES,
                    scale=own.scale,
                    product=product,
                )
        return own

    def _joined(self, quants: Sequence[Quant], own: Quant) -> Quant:
        if all(same(one, quants[0]) for one in quants):
            return quants[0]
        if self._level < 29:
            raise Unsupported(
                "joining tensors with different scales needs feature level 29", Reason.FEATURE_LEVEL
            )
        return own

    def follow(
        self, spec: OperationSpec, operands: Sequence[Value], results: Sequence[Value]
    ) -> None:
        """Notes which results are rounded. Raises `Unsupported` where something is rounded twice."""
        before = any(map(self.is_rounded, operands))
        moves = picks(spec) or (
            spec.name in ("CONCATENATION", "MAXIMUM", "MINIMUM")
            # A constant is brought to that scale by itself, which its tensor would be as well.
            and all(one.is_constant or same(one.quant, results[0].quant) for one in operands)
        )
        if before and not moves:
            raise RoundedTwice(f"{spec} would round what was rounded before it")
        if before or not moves:
            for one in results:
                self.mark(one)

    def check_coarser(self, value: Value, quant: Quant) -> None:
        """May ``value`` be given the scale of ``quant`` without being off by more than a step?"""
        if not isinstance(value.quant, Quant):
            raise Unsupported("the result is not quantised", Reason.TYPES)
        if self.is_rounded(value) and value.quant.scale > quant.scale * (1 + _SAME):
            raise Unsupported(
                "NNAPI's result has a coarser scale than the graph asks for",
                Reason.TYPES,
                has=value.quant.scale,
                asked=quant.scale,
            )


def same(one: Any, other: Any) -> bool:
    """Equal quantisation, up to the rounding of scales."""
    if not isinstance(one, Quant) or not isinstance(other, Quant):
        return False
    close = abs(one.scale - other.scale) <= _SAME * max(one.scale, other.scale)
    return close and one.zero_point == other.zero_point


def number(value: float, like: TensorSpec) -> Value:
    """A quantised constant of one element that is exactly ``value`` (to float32's precision)."""
    low, high = (0, 255) if like.dtype is torch.uint8 else (-128, 127)
    zero, one = (low, high) if value >= 0 else (high, low)
    quant = Quant(abs(value) / 255 or 1.0, zero)
    element = one if value else zero
    array = np.array([element], np.uint8 if like.dtype is torch.uint8 else np.int8)
    return Value(TensorSpec((1,), like.dtype, quant=quant), Constant.of(array))


def integer_of(value: float, spec: TensorSpec) -> int:
    """The integer that stands for a number in a quantised tensor, within its range."""
    if not isinstance(spec.quant, Quant):
        raise Unsupported("a number for a tensor that is not quantised", Reason.TYPES)
    low, high = (0, 255) if spec.dtype is torch.uint8 else (-128, 127)
    if not np.isfinite(value):
        return high if value > 0 else low
    return int(min(max(round(value / spec.quant.scale) + spec.quant.zero_point, low), high))


def tensors(operands: Iterable[Any]) -> list[Value]:
    """The values among operands, those in lists too."""
    found: list[Value] = []
    for one in operands:
        if isinstance(one, Value):
            found.append(one)
        elif isinstance(one, (list, tuple)):
            found.extend(item for item in one if isinstance(item, Value))
    return found


def with_quant(spec: TensorSpec, quant: Quant | None) -> TensorSpec:
    return spec if quant is None else evolve(spec, quant=quant)
