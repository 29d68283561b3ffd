"""A stage whose sizes are written into its model when they are known, and the compiled models of the latest sizes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nnapi_runtime.errors import ModelError
from nnapi_runtime.free_sizes import Size, sizes_of
from nnapi_runtime.manifest import Border, NnapiStage, Patches
from nnapi_runtime.stages import Cost, NnapiRunner, Values
from nnapi_runtime.tensors import Array, to_array, to_tensor

# How many compiled models a stage keeps, one for each of the latest sizes.
KEPT = 8


class FlexibleRunner:
    """Compiles its model anew for sizes that it has not got."""

    def __init__(
        self,
        stage: NnapiStage,
        words: Any,
        weights: Sequence[Any],
        options: Callable[[str], Mapping[str, Any]],
        sizes: Sequence[Size],
    ) -> None:
        """``options`` are an executor's, for a model of the sizes that a text names."""
        assert stage.patches is not None
        self._stage = stage
        self._patches = stage.patches
        self._words = words
        self._weights = weights
        self._options = options
        borders = [*stage.inputs, *stage.outputs]
        needed = self._patches.names().union(
            *(dim.names() for border in borders for dim in border.dims or ())
        )
        self._sizes = [size for size in sizes if size.name in needed]
        self._kept: OrderedDict[tuple[int, ...], NnapiRunner] = OrderedDict()
        self._lock = threading.Lock()

    def run(self, values: Values, as_tensors: bool) -> None:
        sizes = sizes_of(self._sizes, values)
        if 0 not in sizes.values():
            self._runner(sizes).run(values, as_tensors)
            return
        # NNAPI has no tensors without elements. At a size of 1 it computes what does not depend on the size.
        inner = {name: max(size, 1) for name, size in sizes.items()}
        given = dict(values)
        for border in self._stage.inputs:
            if border.dims is not None and 0 in values[border.value].shape:
                shape = [dim.at(inner) for dim in border.dims]
                given[border.value] = np.zeros(shape, to_array(values[border.value]).dtype)
        outputs = [_at(border, sizes) for border in self._stage.outputs]
        if not all(0 in border.shape for border in outputs):
            self._runner(inner).run(given, as_tensors)
        for border in outputs:
            if 0 in border.shape:
                empty = np.empty([dim or 0 for dim in border.shape], border.dtype)
                given[border.value] = to_tensor(empty) if as_tensors else empty
            values[border.value] = given[border.value]

    def profile(self, values: Values) -> list[Cost]:
        return self._runner(sizes_of(self._sizes, values)).profile(values)

    def _runner(self, sizes: Mapping[str, int]) -> NnapiRunner:
        key = tuple(sizes[size.name] for size in self._sizes)
        with self._lock:
            found = self._kept.pop(key, None)
            if found is None:
                found = self._compiled(sizes)
                while len(self._kept) >= KEPT:
                    self._kept.popitem(last=False)
            self._kept[key] = found
        return found

    def _compiled(self, sizes: Mapping[str, int]) -> NnapiRunner:
        stage = replace(
            self._stage,
            inputs=tuple(_at(border, sizes) for border in self._stage.inputs),
            outputs=tuple(_at(border, sizes) for border in self._stage.outputs),
            patches=None,
        )
        words = _patched(self._words, self._patches, sizes)
        weights = _cut(self._weights, self._patches, sizes)
        return NnapiRunner(stage, words, weights, self._options(f" at {dict(sizes)}"))


def _patched(words: Any, patches: Patches, sizes: Mapping[str, int]) -> Array:
    """A copy of the words, for these sizes."""
    patched = np.frombuffer(words, np.uint8).view("<i4").copy()
    if patches.positions and max(patches.positions) >= patched.size:
        raise ModelError(f"a patch is for word {max(patches.positions)} of {patched.size}")
    numbers = [value.at(sizes) for value in patches.values]
    if any(not -(2**31) <= number < 2**31 for number in numbers):
        raise ModelError(f"the sizes {dict(sizes)} give numbers that are no int32")
    if patches.positions:
        patched[list(patches.positions)] = np.array(numbers, "<i4")[list(patches.which)]
    return patched


def _cut(weights: Sequence[Any], patches: Patches, sizes: Mapping[str, int]) -> list[Any]:
    """The weights, with the parts cut out."""
    given = list(weights)
    for number, dims in patches.parts:
        if number >= len(given):
            raise ModelError(f"a part is of weight {number}; there are {len(given)}")
        whole = np.asarray(weights[number])
        shape = tuple(dim.at(sizes) for dim in dims)
        if len(shape) != whole.ndim or any(
            not 0 <= size <= most for size, most in zip(shape, whole.shape, strict=True)
        ):
            raise ModelError(f"weight {number} of {whole.shape} has no part of {shape}")
        given[number] = np.ascontiguousarray(whole[tuple(map(slice, shape))])
    return given


def _at(border: Border, sizes: Mapping[str, int]) -> Border:
    if border.dims is None:
        return border
    return replace(border, shape=tuple(dim.at(sizes) for dim in border.dims), dims=None)
