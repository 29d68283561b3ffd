"""Registers of a program while it is made: which step uses which, and after which step nothing does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from nnapi_runtime.torch_program.interpreter import Block, Kind, Step


@dataclass(eq=False)
class DraftStep:
    kind: Kind
    call: Callable[..., Any] | None
    take: Any
    to: Any
    where: str
    blocks: list[DraftBlock] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)


@dataclass(eq=False)
class DraftBlock:
    """``outer`` is the block that it stands in, in the step there of number ``place``."""

    outer: DraftBlock | None = None
    place: int = 0
    depth: int = 0
    steps: list[DraftStep] = field(default_factory=list)


class Draft:
    """Registers hold the ``inputs`` first, then constants and what steps make; weights have negative numbers."""

    def __init__(self, inputs: int) -> None:
        self.constants: list[Any] = []
        self.block = DraftBlock()
        self._inputs = inputs
        self._last: dict[int, tuple[DraftBlock, int]] = {}

    def constant(self, value: Any) -> int:
        self.constants.append(value)
        return self._inputs + len(self.constants) - 1

    def variable(self) -> int:
        """A new register that steps write to."""
        register = self.constant(None)
        self._last[register] = (self.block, -1)
        return register

    def step(
        self,
        block: DraftBlock,
        where: str,
        kind: Kind,
        reads: Sequence[int],
        writes: Sequence[int],
        call: Callable[..., Any] | None = None,
    ) -> DraftStep:
        """The next step of ``block``: a call of ``call``, a move, or control flow over ``reads[0]``.

        ``where`` is its line, for messages.
        """
        take: Any = reads[0]
        to: Any = writes[0] if writes else None
        if kind == Kind.MOVE:
            take, to = taking(reads), tuple(writes)
        elif kind == Kind.CALL:
            kind, take = (
                (Kind.CALL_ONE, reads[0]) if len(reads) == 1 else (Kind.CALL, taking(reads))
            )
        step = DraftStep(kind, call, take, to, where)
        block.steps.append(step)
        for register in (*reads, *writes):
            self._used(register, block, len(block.steps) - 1)
        return step

    def inner(self, block: DraftBlock, step: DraftStep) -> DraftBlock:
        """One more block of a step of control flow, which is the last of ``block``."""
        made = DraftBlock(block, len(block.steps) - 1, block.depth + 1)
        step.blocks.append(made)
        return made

    def _used(self, register: int, block: DraftBlock, place: int) -> None:
        """A register is let go in the innermost block that all its uses stand in: others may run again."""
        if register not in self._last:
            return
        last, at = self._last[register]
        if at < 0:
            self._last[register] = (block, place)
            return
        while last is not block:
            if last.depth >= block.depth:
                assert last.outer is not None
                last, at = last.outer, last.place
            else:
                assert block.outer is not None
                block, place = block.outer, block.place
        self._last[register] = (last, max(at, place))

    def finished(self, results: Sequence[int]) -> Block:
        for register, (block, place) in self._last.items():
            if place >= 0 and register not in results:
                block.steps[place].ended.append(register)
        return _finished(self.block)


def taking(registers: Sequence[int]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """A function that reads these registers, as fast as Python can."""
    if len(registers) > 1:
        return itemgetter(*registers)
    if not registers:
        return lambda _: ()
    (one,) = registers
    return lambda values: (values[one],)


def _finished(block: DraftBlock) -> Block:
    return tuple(
        Step(
            one.kind,
            one.call,
            one.take,
            one.to,
            tuple(map(_finished, one.blocks)),
            tuple(one.ended),
            one.where,
        )
        for one in block.steps
    )
