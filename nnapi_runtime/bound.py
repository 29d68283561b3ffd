"""A session whose arguments and results stay in one place: the shortest way to compute again and again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnapi_runtime._loader import BoundRun, Executor
from nnapi_runtime.border import BorderCrossing
from nnapi_runtime.errors import ArgumentError
from nnapi_runtime.tensors import Array


class Bound(BoundRun):
    """Fill ``inputs``, call it, and read ``outputs``, which the next call overwrites.

    All are arrays of torch's shapes that lie in memory as NNAPI has them: channels last, for an image. Threads need a
    `Bound` each.
    """

    def __init__(
        self,
        executor: Executor,
        inputs: Sequence[BorderCrossing],
        outputs: Sequence[BorderCrossing],
    ) -> None:
        """Raises `ArgumentError` for borders of unknown size, or whose dtype only a session converts."""
        given = [_place(crossing, "input") for crossing in inputs]
        results = [_place(crossing, "output") for crossing in outputs]
        self.inputs: tuple[Array, ...] = tuple(map(_as_in_torch, inputs, given))
        self.outputs: tuple[Array, ...] = tuple(map(_as_in_torch, outputs, results))
        super().__init__(executor, given, results)


def _place(crossing: BorderCrossing, role: str) -> Array:
    name, shape = crossing.border.value, crossing.operand_shape
    if shape is None or None in shape:
        raise ArgumentError(
            f"{role} {name!r} has a free dimension; call the session, or convert the model for one size"
        )
    if crossing.array_dtype != crossing.operand_dtype:
        raise ArgumentError(
            f"{role} {name!r} is {crossing.array_dtype}, which NNAPI has as {crossing.operand_dtype}; "
            "call the session, which converts it"
        )
    return np.zeros([size for size in shape if size is not None], crossing.operand_dtype)


def _as_in_torch(crossing: BorderCrossing, operand: Array) -> Array:
    view: Array = crossing.out_of(operand, as_tensor=False, contiguous=False)
    return view
