"""Pieces that torch runs: the session calls back for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnapi_runtime.errors import ModelError, NnapiError
from nnapi_runtime.tensors import import_torch, shared_tensor
from nnapi_runtime.torch_program import TorchProgram

Step = tuple[str, Sequence[int]]
"""``"permute"`` or ``"reshape"``, and the dimensions."""
Run = Callable[[list[Any], int | None], Sequence[Any]]
"""Takes tensors, and when it must have ended, by `time.monotonic_ns` (None: whenever it likes); returns tensors."""


@dataclass(frozen=True, slots=True)
class TorchPieces:
    """The torch programs of an artifact: callables, or text over the weights (docs/file_format.md), read as data.

    Each loop in a text may take ``loop_timeout`` nanoseconds; 0: as long as it likes.
    """

    programs: Mapping[str, Callable[..., Any] | Any]
    weights: Sequence[Any]
    loop_timeout: int = 0

    def prepare(
        self,
        name: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        weights: Sequence[tuple[int, Sequence[Step]]],
    ) -> Run:
        """The program ``name``, ready. ``weights`` are those that it reads, by number, after steps.

        Raises `NnapiError` where there is no torch, and `ModelError` for a program that is not run.
        """
        torch: Any = import_torch(f"the part {name!r}, which runs outside NNAPI,")
        program = self.programs[name]
        read = [self._reordered(number, steps, name) for number, steps in weights]
        call: Callable[[list[Any], int | None], Any]
        if callable(program):
            # It may ask for another shape of what is computed from them, without a copy.
            read = [one.contiguous() for one in read]

            def call(given: list[Any], deadline: int | None) -> Any:
                return program(*given, *read)
        else:
            parsed = TorchProgram.parse(program, name)

            def call(given: list[Any], deadline: int | None) -> Any:
                return parsed(given, read, deadline, self.loop_timeout)

        def run(given: list[Any], deadline: int | None) -> Sequence[Any]:
            try:
                with torch.no_grad():
                    results = call(given, deadline)
            except NnapiError:
                raise
            except Exception as error:  # whatever torch makes of arguments that do not fit
                raise NnapiError(f"{name!r}: {error}") from error
            if not isinstance(results, (tuple, list)):
                results = (results,)
            return [torch.as_tensor(one) for one in results]

        return run

    def _reordered(self, number: int, steps: Sequence[Step], program: str) -> Any:
        """The tensor that torch reads, over the weight's own memory."""
        if number >= len(self.weights):
            raise ModelError(f"{program!r} reads weight {number}; there are {len(self.weights)}")
        try:
            tensor = shared_tensor(self.weights[number])
            for kind, dims in steps:
                tensor = tensor.permute(dims) if kind == "permute" else tensor.reshape(dims)
        except Exception as error:  # torch has several for dimensions that do not fit
            raise ModelError(f"{program!r} reads weight {number}: {error}") from None
        return tensor
