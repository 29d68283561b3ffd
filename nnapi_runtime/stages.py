"""How one stage runs, on NNAPI or in torch, and what it costs."""

from __future__ import annotations

import io
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from nnapi_runtime._loader import Executor
from nnapi_runtime.border import BorderCrossing
from nnapi_runtime.bound import Bound
from nnapi_runtime.errors import ModelError, NnapiError
from nnapi_runtime.manifest import NnapiStage, Origin, TorchStage, TorchWeight
from nnapi_runtime.tensors import Array, Value, import_torch, to_tensor

Values = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one NNAPI operation, or a whole torch stage, took. ``code`` is None for torch."""

    origin: Origin
    code: int | None
    nanoseconds: int


class Runner(Protocol):
    """One stage. It reads its inputs from ``values`` and adds its outputs to them."""

    def run(self, values: Values, as_tensors: bool) -> None: ...

    def profile(self, values: Values) -> list[Cost]: ...


class NnapiRunner:
    """A stage that an NNAPI library runs."""

    def __init__(
        self, stage: NnapiStage, words: Any, weights: Sequence[Any], options: Mapping[str, Any]
    ) -> None:
        self.stage = stage
        try:
            self._executor = Executor(words, weights, **options)
        except NnapiError as error:
            raise self._traced(error) from None
        self._inputs = _crossings(stage, "inputs", self._executor.inputs)
        self._outputs = _crossings(stage, "outputs", self._executor.outputs)
        codes = self._executor.operations
        if stage.operations and len(stage.operations) != len(codes):
            raise ModelError(
                f"{stage.model!r} has {len(codes)} operations, and the manifest "
                f"{len(stage.operations)} of them"
            )
        self._origins = stage.operations or (Origin(),) * len(codes)

    def run(self, values: Values, as_tensors: bool) -> None:
        try:
            results = self._executor.run(self._operands(values))
        except NnapiError as error:
            raise self._traced(error) from None
        for crossing, result in zip(self._outputs, results, strict=True):
            values[crossing.border.value] = crossing.out_of(result, as_tensor=as_tensors)

    def bound(self) -> Bound:
        return Bound(self._executor, self._inputs, self._outputs)

    def profile(self, values: Values) -> list[Cost]:
        nanoseconds = self._executor.profile(self._operands(values))
        self.run(values, as_tensors=False)
        return [
            Cost(origin, code, taken)
            for origin, code, taken in zip(
                self._origins, self._executor.operations, nanoseconds, strict=True
            )
        ]

    def _operands(self, values: Values) -> list[Array]:
        return [crossing.into(values[crossing.border.value]) for crossing in self._inputs]

    def _traced(self, error: NnapiError) -> NnapiError:
        """The error, and where in the user's model its operation came from."""
        index, origins = error.operation, self.stage.operations
        if index is None or index >= len(origins):
            return error
        return error.with_text(f"{error}; operation {index} comes from {origins[index]}")


class TorchRunner:
    """A stage that torch runs: a callable, or the bytes of an exported program."""

    def __init__(
        self, stage: TorchStage, program: Callable[..., Any] | Any, weights: Sequence[Any]
    ) -> None:
        self._stage = stage
        self._torch = import_torch(f"the part {stage.program!r}, which runs outside NNAPI,")
        self._weights = [_reordered(one, weights, stage.program) for one in stage.weights]
        self._program = program if callable(program) else self._load(program)

    def _load(self, program: Any) -> Callable[..., Any]:
        data = bytes(program)
        try:
            if not data.startswith(b"PK"):  # torch would print a traceback of its own
                raise ValueError("it is no archive")
            module: Callable[..., Any] = self._torch.export.load(io.BytesIO(data)).module()
        except Exception as error:  # whatever torch makes of a damaged or newer program
            raise ModelError(
                f"{self._stage.program!r} is not a program that torch {self._torch.__version__} "
                f"loads: {error}"
            ) from error
        return module

    def run(self, values: Values, as_tensors: bool) -> None:
        with self._torch.no_grad():
            given = [to_tensor(values[name]) for name in self._stage.inputs]
            outputs = self._program(*given, *self._weights)
        if not isinstance(outputs, (tuple, list)):
            outputs = (outputs,)
        if len(outputs) != len(self._stage.outputs):
            raise ModelError(
                f"{self._stage.program!r} returns {len(outputs)} values; the manifest names "
                f"{len(self._stage.outputs)}"
            )
        values.update(zip(self._stage.outputs, map(self._torch.as_tensor, outputs), strict=True))

    def profile(self, values: Values) -> list[Cost]:
        start = time.perf_counter_ns()
        self.run(values, as_tensors=True)
        return [Cost(Origin(self._stage.program), None, time.perf_counter_ns() - start)]


def _reordered(read: TorchWeight, weights: Sequence[Any], program: str) -> Any:
    """The tensor that torch reads: the weight's own memory where its order of elements is the same."""
    if read.weight >= len(weights):
        raise ModelError(f"{program!r} reads weight {read.weight}; there are {len(weights)}")
    array = np.asarray(weights[read.weight])
    try:
        for kind, dims in read.steps:
            array = array.transpose(dims) if kind == "permute" else array.reshape(dims)
    except ValueError as error:
        raise ModelError(f"{program!r} reads weight {read.weight}: {error}") from None
    with warnings.catch_warnings():
        # Mapped from a file, the memory is not writable, and the program does not write.
        warnings.simplefilter("ignore")
        return import_torch("a weight").from_numpy(np.ascontiguousarray(array).reshape(array.shape))


def _crossings(stage: NnapiStage, side: str, operands: Sequence[Any]) -> list[BorderCrossing]:
    borders = getattr(stage, side)
    if len(borders) != len(operands):
        raise ModelError(
            f"{stage.model!r} has {len(operands)} {side}, and the manifest {len(borders)} of them"
        )
    return [BorderCrossing(*pair) for pair in zip(borders, operands, strict=True)]
