"""Shapes are always torch's; the physical order of the dimensions is a field of the operand.

A lowering names a policy (`Layout`), the driver arranges the operands, and an `Axis` can only be made
from an operand, so a raw torch dim cannot reach NNAPI.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TypeVar

from attrs import frozen

T = TypeVar("T")


class Layout(Enum):
    """What a lowering asks of its operands."""

    IMAGE = "image"
    """4-D operands arrive channels last; the result is channels last."""
    SAME = "same"
    """All operands arrive in one order, ranks aligned; the result has that order."""
    TORCH = "torch"
    """Operands arrive as torch has them."""
    ANY = "any"
    """Operands arrive as they happen to lie; the lowering reads their order."""


class Order(Enum):
    """How an operand physically lies."""

    TORCH = "torch"
    CHANNELS_LAST = "channels_last"

    def permutation(self, rank: int) -> tuple[int, ...]:
        """Dimension ``i`` of the operand is dimension ``permutation[i]`` of the torch tensor."""
        if self is Order.CHANNELS_LAST and rank == 4:
            return (0, 2, 3, 1)
        return tuple(range(rank))

    def physical(self, shape: Sequence[T]) -> tuple[T, ...]:
        """Torch's shape (or any per-dimension list) in the operand's order."""
        return tuple(shape[dim] for dim in self.permutation(len(shape)))


def compose(outer: Sequence[int], inner: Sequence[int]) -> tuple[int, ...]:
    """The permutation that applies ``inner`` and then ``outer``."""
    return tuple(inner[dim] for dim in outer)


def invert(permutation: Sequence[int]) -> tuple[int, ...]:
    inverse = [0] * len(permutation)
    for position, dim in enumerate(permutation):
        inverse[dim] = position
    return tuple(inverse)


@frozen
class Axis:
    """A dimension of an operand in its physical order. Made by ``Value.axis(dim)`` alone."""

    index: int
