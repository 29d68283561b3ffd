"""Which int64 tensors torch may fill with numbers that NNAPI's int32 does not hold.

A conversion that lets these into a piece would fail when it runs, on numbers that the model itself uses: the logarithm
of 0 as an integer is the least int64, which a later ``where`` hides.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
import torch.utils._pytree as pytree
from attrs import define, field
from torch._ops import OpOverload
from torch.fx import Node

from nnapi_core.errors import Unsupported
from nnapi_core.graph.numbers import sources_of
from nnapi_core.graph.program import Program
from nnapi_core.lowering.integer_bounds import ANY_INT32, Bounds
from nnapi_core.reasons import Reason

aten = torch.ops.aten

_CASTS = frozenset(
    {
        aten.to.dtype,
        aten.to.dtype_layout,
        aten.to.device,
        aten.to.other,
        aten._to_copy.default,
        aten.type_as.default,
        aten.copy.default,
    }
)
# Whatever they are given, their results fit: places in a tensor, signs, and what is left of a division.
_FITTING = frozenset(
    {
        aten.argmax.default,
        aten.argmin.default,
        aten.argsort.default,
        aten.argsort.stable,
        aten.bucketize.Tensor,
        aten.searchsorted.Tensor,
        aten.nonzero.default,
        aten.sign.default,
        aten.count_nonzero.default,
    }
)
# Nor do these read the numbers of what they are as large as.
_OF_THE_SHAPE = ("full_like", "zeros_like", "ones_like", "new_")
# These read places in a tensor: torch refuses what is beyond it, and no tensor is that large.
_READ_PLACES = frozenset(
    str(one)
    for one in (
        aten.embedding.default,
        aten.gather.default,
        aten.index.Tensor,
        aten.index_select.default,
    )
)
# Small integers become large ones.
_GROWING = frozenset(
    {
        aten.pow.Tensor_Scalar,
        aten.pow.Tensor_Tensor,
        aten.pow.Scalar,
        aten.prod.default,
        aten.prod.dim_int,
        aten.cumprod.default,
        aten.bitwise_left_shift.Tensor,
        aten.bitwise_left_shift.Tensor_Scalar,
        aten.bitwise_left_shift.Scalar_Tensor,
        aten.__lshift__.Scalar,
        aten.__lshift__.Tensor,
    }
)
_LEFT_OF = frozenset({aten.remainder.Scalar, aten.fmod.Scalar})
# A cast that the target has not got was found to fit before that was asked.
_KNOWN_TO_FIT = frozenset({Reason.FEATURE_LEVEL, Reason.DEVICE_PROFILE, Reason.SMALL_ISLAND})


@define(eq=False)
class BeyondInt32:
    """Calls that torch runs, and whose int64 results may be beyond int32. Calls are told in the graph's order."""

    program: Program
    _calls: set[Node] = field(factory=set)

    def note(self, call: Node, refusal: Unsupported) -> None:
        """``call`` runs in torch, since NNAPI refused it."""
        results = pytree.tree_leaves(call.meta.get("val"))
        if not any(isinstance(one, torch.Tensor) and one.dtype is torch.int64 for one in results):
            return
        if _fits(call):
            return
        if call.target in _GROWING or self._of_floats(call, refusal) or self._of_large(call):
            self._calls.add(call)

    def check(self, tensor: Node, reader: str) -> None:
        """Raises `Unsupported` for a tensor that is not to enter a piece, where the operator ``reader`` asks for it."""
        if reader in _READ_PLACES or reader.removeprefix("aten.").startswith(_OF_THE_SHAPE):
            return
        if _dtype(tensor) is torch.int64 and _call_of(tensor) in self._calls:
            raise Unsupported(
                f"reads {tensor.name!r}, int64 numbers that torch computes and that may be beyond int32, which is all "
                "that NNAPI has for int64; clamp them, or cast to torch.int32, before"
            )

    def _of_floats(self, call: Node, refusal: Unsupported) -> bool:
        """Does it make integers of floats, which may be infinite?"""
        is_cast = call.target in _CASTS and refusal.code not in _KNOWN_TO_FIT
        return is_cast and any(
            dtype.is_floating_point for dtype in map(_dtype, sources_of(call)) if dtype is not None
        )

    def _of_large(self, call: Node) -> bool:
        """Does it read integers that may be beyond int32?"""
        read = (one for one in sources_of(call) if _dtype(one) is torch.int64)
        return _holds_large(call) or any(map(self._is_large, read))

    def _is_large(self, tensor: Node) -> bool:
        held = self.program.constants.get(tensor)
        if held is None:
            return _call_of(tensor) in self._calls
        if 0 in held.shape:
            return False
        array = np.asarray(held.constant().array())
        return not Bounds(int(array.min()), int(array.max())).fits_int32


def _holds_large(call: Node) -> bool:
    """Is there a number beyond int32 among its arguments? The end of a slice is no number."""
    numbers = (one for one in pytree.tree_leaves((call.args, call.kwargs)) if type(one) is int)
    return any(ANY_INT32.greatest + 1 < abs(one) < 2**63 - 1 for one in numbers)


def _fits(call: Node) -> bool:
    """Are its results within int32 whatever its tensors hold?"""
    name = call.target.__name__ if isinstance(call.target, OpOverload) else ""
    if call.target in _FITTING or name.startswith(_OF_THE_SHAPE):
        return not _holds_large(call)
    if call.target is aten.clamp.default:
        return _all_fit([*call.args[1:], *call.kwargs.values()], count=2)
    if call.target in _LEFT_OF:
        return _all_fit(call.args[1:], count=1)
    return False


def _all_fit(limits: Iterable[Any], *, count: int) -> bool:
    numbers = [one for one in limits if isinstance(one, (int, float))]
    return len(numbers) == count and Bounds(min(numbers), max(numbers)).fits_int32


def _call_of(tensor: Node) -> Node:
    while tensor.target is operator.getitem:
        tensor = tensor.args[0]  # type: ignore[assignment]
    return tensor


def _dtype(tensor: Node) -> torch.dtype | None:
    return getattr(tensor.meta.get("val"), "dtype", None)
