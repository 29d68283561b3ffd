"""A torch program: from a file's text to results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnapi_runtime.torch_program.check_and_build import built
from nnapi_runtime.torch_program.interpreter import Code
from nnapi_runtime.torch_program.parse_grammar import parse


class TorchProgram:
    """A function of tensors and weights. `parse` makes one of text; threads may share it."""

    __slots__ = ("code",)

    def __init__(self, code: Code) -> None:
        self.code = code

    @classmethod
    def parse(cls, text: Any, name: str) -> TorchProgram:
        """The program in ``text``, a str or a buffer of bytes, which is called ``name`` in messages.

        Nothing of the text is executed, by Python or by torch: it is read as data (docs/file_format.md). Raises
        `ModelError` for text that is anything but what the converter writes, and `NnapiError` where torch is missing.
        """
        return cls(built(parse(text, name), name))

    @property
    def operators(self) -> tuple[str, ...]:
        """The overloads that it calls ("aten::add.Tensor"), sorted."""
        return self.code.operators

    def __call__(
        self,
        inputs: Sequence[Any],
        weights: Sequence[Any],
        deadline: int | None = None,
        loop_timeout: int = 0,
    ) -> list[Any]:
        """The results for tensors ``inputs``, over tensors ``weights``, which it does not write to.

        ``deadline`` is when it must have ended, by `time.monotonic_ns`; each loop may take ``loop_timeout``
        nanoseconds, 0: as long as it likes. One operator is never interrupted. Gradients are the caller's affair.

        Raises `NnapiError`, with the line of the program: where an operator refuses its arguments, or memory or time
        do not suffice.
        """
        return self.code.run(inputs, weights, deadline, loop_timeout)
