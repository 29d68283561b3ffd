"""How one stage runs, on NNAPI or in torch, and what it costs."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from nnapi_runtime._loader import Executor
from nnapi_runtime.border import BorderCrossing
from nnapi_runtime.bound import Bound
from nnapi_runtime.errors import ModelError, NnapiError
from nnapi_runtime.manifest import NnapiStage, Origin, TorchStage, TorchWeight
from nnapi_runtime.tensors import Array, Value, import_torch, shared_tensor, to_tensor

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
    """A stage that torch runs: a callable, or TorchScript text over the weights (docs/file_format.md)."""

    def __init__(
        self, stage: TorchStage, program: Callable[..., Any] | Any, weights: Sequence[Any]
    ) -> None:
        self._stage = stage
        self._torch: Any = import_torch(f"the part {stage.program!r}, which runs outside NNAPI,")
        read = [_reordered(one, weights, stage.program) for one in stage.weights]
        self._program: Callable[..., Any]
        if callable(program):
            # It may ask for another shape of what is computed from them, without a copy.
            read = [one.contiguous() for one in read]
            self._program = lambda *inputs: program(*inputs, *read)
        else:
            function = self._compiled(program)
            self._program = lambda *inputs: function(*inputs, read)

    def _compiled(self, program: Any) -> Callable[..., Any]:
        torch: Any = self._torch  # which the text names
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that TorchScript is old
                unit = torch.jit.CompilationUnit(str(program, "utf-8"))
        except Exception as error:  # whatever torch makes of a damaged or newer program
            raise ModelError(
                f"{self._stage.program!r} is not a program that torch {torch.__version__} "
                f"compiles: {error}"
            ) from error
        function: Callable[..., Any] = unit.run
        return function

    def run(self, values: Values, as_tensors: bool) -> None:
        given = [to_tensor(values[name]) for name in self._stage.inputs]
        # In the graph a quantised tensor is its integers.
        given = [one.int_repr() if one.is_quantized else one for one in given]
        with self._torch.no_grad():
            outputs = self._program(*given)
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
    """The tensor that torch reads, over the weight's own memory."""
    if read.weight >= len(weights):
        raise ModelError(f"{program!r} reads weight {read.weight}; there are {len(weights)}")
    tensor = shared_tensor(weights[read.weight])
    try:
        for kind, dims in read.steps:
            tensor = tensor.permute(dims) if kind == "permute" else tensor.reshape(dims)
    except RuntimeError as error:
        raise ModelError(f"{program!r} reads weight {read.weight}: {error}") from None
    return tensor


def _crossings(stage: NnapiStage, side: str, operands: Sequence[Any]) -> list[BorderCrossing]:
    borders = getattr(stage, side)
    if len(borders) != len(operands):
        raise ModelError(
            f"{stage.model!r} has {len(operands)} {side}, and the manifest {len(borders)} of them"
        )
    return [BorderCrossing(*pair) for pair in zip(borders, operands, strict=True)]
