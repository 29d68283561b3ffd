"""Steps over registers, which are what a torch program runs; time is looked at before each of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from nnapi_runtime.errors import ModelError, NnapiError


class Kind(IntEnum):
    CALL = 0
    """``registers[to] = call(*take(registers))``"""
    CALL_ONE = 1
    """``registers[to] = call(registers[take])``"""
    MOVE = 2
    """``registers[to[i]] = take(registers)[i]``, all read before the first is written"""
    IF = 3
    """``blocks[0]`` where ``registers[take]`` holds, else ``blocks[1]``"""
    WHILE = 4
    """``blocks[0]`` as long as ``registers[take]`` holds"""


class Step(NamedTuple):
    kind: Kind
    call: Callable[..., Any] | None
    take: Any
    to: Any
    blocks: tuple[Block, ...]
    ended: tuple[int, ...]
    """Registers that nothing reads any more: what they hold is let go."""
    place: str
    """"line 12 (relu)", for messages."""


Block = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """The steps of a program, and what they need. Threads may run it at once."""

    name: str
    inputs: int
    """How many tensors it takes."""
    weights: int
    """How many weights it reads, from the first on."""
    constants: tuple[Any, ...]
    """What registers hold at first: those behind the inputs, before the weights, which stand in reverse order."""
    block: Block
    results: Callable[[list[Any]], tuple[Any, ...]]
    operators: tuple[str, ...]
    """The overloads that it calls, sorted."""

    def run(
        self,
        inputs: Sequence[Any],
        weights: Sequence[Any],
        deadline: int | None,
        loop_timeout: int,
    ) -> list[Any]:
        """As a call of the program."""
        if len(inputs) != self.inputs or len(weights) < self.weights:
            raise ModelError(
                f"{self.name!r} takes {self.inputs} tensors and reads {self.weights} weights; the manifest gives it "
                f"{len(inputs)} and {len(weights)}"
            )
        registers = [*inputs, *self.constants, *reversed(weights[: self.weights])]
        _Run(self.name, registers, deadline, loop_timeout).block(self.block)
        return list(self.results(registers))


class _Run:
    __slots__ = ("_deadline", "_loop_timeout", "_name", "_registers")

    def __init__(
        self, name: str, registers: list[Any], deadline: int | None, loop_timeout: int
    ) -> None:
        self._name = name
        self._registers = registers
        self._deadline = deadline
        self._loop_timeout = loop_timeout

    def block(self, block: Block) -> None:
        registers, deadline = self._registers, self._deadline
        place = ""
        try:
            for kind, call, take, to, blocks, ended, place in block:
                if deadline is not None and time.monotonic_ns() > deadline:
                    raise self._late(place, "the run", "timeout")
                if kind == 0:
                    registers[to] = call(*take(registers))  # type: ignore[misc]
                elif kind == 1:
                    registers[to] = call(registers[take])  # type: ignore[misc]
                elif kind == 2:
                    for register, value in zip(to, take(registers), strict=True):
                        registers[register] = value
                elif kind == 3:
                    self.block(blocks[0 if registers[take] else 1])
                else:
                    self._loop(blocks[0], take, place)
                for register in ended:
                    registers[register] = None
        except NnapiError:
            raise
        except Exception as error:  # whatever torch makes of arguments that do not fit
            raise NnapiError(f"{self._name!r}, {place}: {_said(error)}") from error

    def _loop(self, body: Block, going: int, place: str) -> None:
        start = time.monotonic_ns()
        while self._registers[going]:
            self.block(body)
            if self._loop_timeout and time.monotonic_ns() - start > self._loop_timeout:
                raise self._late(place, "a loop", "loop_timeout")

    def _late(self, place: str, what: str, limit: str) -> NnapiError:
        return NnapiError(
            f"{self._name!r}, {place}: {what} has not ended in its time; give it more with {limit}=",
            code="MISSED_DEADLINE_TRANSIENT",
        )


def _said(error: Exception) -> str:
    """The first line of what torch says; more of it would be addresses."""
    text = str(error).strip().split("\n", 1)[0] or type(error).__name__
    return text.split(" Exception raised from ", 1)[0]
