"""Control flow that runs here, outside of NNAPI, around the stages of its branches."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from nnapi_runtime.errors import NnapiError
from nnapi_runtime.manifest import AnyStage, Branch, ControlStage, Origin
from nnapi_runtime.stages import Cost, Runner, Values
from nnapi_runtime.tensors import to_array


class ControlRunner:
    """An ``if`` or a ``while``. A loop may take ``timeout`` nanoseconds; 0: as long as it likes."""

    def __init__(
        self, stage: ControlStage, runner_of: Callable[[AnyStage], Runner], timeout: int
    ) -> None:
        self._stage = stage
        self._runners = [[runner_of(one) for one in branch.stages] for branch in stage.branches]
        self._timeout = timeout

    def run(self, values: Values, as_tensors: bool) -> None:
        self._control(values, lambda runner: runner.run(values, as_tensors))

    def profile(self, values: Values) -> list[Cost]:
        start = time.perf_counter_ns()
        self.run(values, as_tensors=True)
        name = ", ".join(self._stage.outputs)
        return [Cost(Origin(name), None, time.perf_counter_ns() - start)]

    def _control(self, values: Values, run: Callable[[Runner], None]) -> None:
        stage = self._stage
        given = [values[name] for name in stage.operands]
        if stage.condition is not None:
            taken = 0 if _holds(values[stage.condition]) else 1
            results = self._branch(taken, given, values, run)
        else:
            results = self._loop(given, values, run)
        values.update(
            (name, results[place]) for name, place in zip(stage.outputs, stage.results, strict=True)
        )

    def _loop(
        self, given: list[object], values: Values, run: Callable[[Runner], None]
    ) -> list[object]:
        carried, rest = given[: self._stage.carried], given[self._stage.carried :]
        start = time.monotonic_ns()
        while _holds(self._branch(0, [*carried, *rest], values, run)[0]):
            carried = self._branch(1, [*carried, *rest], values, run)
            if self._timeout and time.monotonic_ns() - start > self._timeout:
                raise NnapiError(
                    f"a loop that gives {', '.join(map(repr, self._stage.outputs))} has not ended within "
                    f"{self._timeout / 1e9:g} seconds; give it more with loop_timeout=",
                    code="MISSED_DEADLINE_TRANSIENT",
                )
        return carried

    def _branch(
        self, number: int, given: Sequence[object], values: Values, run: Callable[[Runner], None]
    ) -> list[object]:
        branch: Branch = self._stage.branches[number]
        for name, value in zip(branch.inputs, given, strict=True):
            if name is not None:
                values[name] = value
        for runner in self._runners[number]:
            run(runner)
        return [values[name] for name in branch.outputs]


def _holds(value: object) -> bool:
    return bool(to_array(value).reshape(()).item())
