"""Cases in processes of their own, which have limits: what crashes, hangs, or takes memory is found out and counted."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from typing import NamedTuple

MOST_SECONDS = 10.0
MORE_MEMORY = 256 << 20
TIMES_INPUT = 10
ADDRESSES = 3 << 30
"""Bytes of address space that a process may take besides what it has when it is ready."""


class Answer(NamedTuple):
    """Of one case: its name for counting, its size in bytes, and for each reader "ran", "refused" or a traceback."""

    name: str
    size: int
    found: tuple[tuple[str, str], ...]


Case = Callable[[int], Answer]


class Outcome:
    """Counts, and the cases that broke a promise."""

    def __init__(self) -> None:
        self.cases = 0
        self.counts: Counter[str] = Counter()
        self.names: Counter[str] = Counter()
        self.failures: list[tuple[int, str]] = []
        self.highest = 0
        self.slowest = 0.0

    def take(self, number: int, seconds: float, memory: int, answer: Answer) -> None:
        self.cases += 1
        self.names[answer.name] += 1
        self.highest = max(self.highest, memory)
        self.slowest = max(self.slowest, seconds)
        for reader, became in answer.found:
            known = became in ("ran", "refused")
            self.counts[f"{reader}: {became if known else 'escaped'}"] += 1
            if not known:
                self.failures.append((number, f"{answer.name}, {reader}: {became}"))
        if memory > TIMES_INPUT * answer.size + MORE_MEMORY:
            self.counts["too much memory"] += 1
            self.failures.append((number, f"{answer.name}: {memory >> 20} MiB of memory"))

    def lines(self) -> Iterator[str]:
        for name, count in sorted(self.counts.items()):
            yield f"  {name}: {count}"
        yield f"  slowest {self.slowest:.1f} s, most memory besides {self.highest / 2**20:.0f} MiB"
        different = Counter(what.strip().split("\n")[-1][:150] for _, what in self.failures)
        for what, count in different.most_common(40):
            yield f"  {count} times {what}"


def run(prepare: Callable[[], Case], numbers: range, seconds: float, jobs: int) -> Outcome:
    """Tries the cases of ``numbers``, or as many as there is time for.

    ``prepare`` is called in each process, before its limits are set.
    """
    outcome = Outcome()
    end = time.monotonic() + seconds
    left = iter(numbers)
    workers = [_Worker(prepare, number) for _, number in zip(range(jobs), left, strict=False)]
    while workers:
        ready = wait([one.connection for one in workers], timeout=0.5)
        for worker in list(workers):
            if worker.connection in ready:
                alive = worker.answered(outcome)
            elif worker.is_late():
                outcome.counts["hang"] += 1
                outcome.failures.append((worker.number, "hang"))
                alive = False
            else:
                continue
            if alive and worker.is_busy:
                continue
            number = next(left, None) if time.monotonic() < end else None
            if alive and number is not None:
                worker.give(number)
                continue
            worker.end()
            workers.remove(worker)
            if number is not None:
                workers.append(_Worker(prepare, number))
    return outcome


class _Worker:
    def __init__(self, prepare: Callable[[], Case], number: int) -> None:
        self.connection, other = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("fork").Process(
            target=_work, args=(other, prepare), daemon=True
        )
        self.process.start()
        other.close()
        self.give(number)

    def give(self, number: int) -> None:
        self.number, self.is_busy = number, True
        self.since: float | None = None  # until it begins: it may be getting ready
        self.connection.send(number)

    def is_late(self) -> bool:
        return self.since is not None and time.monotonic() - self.since > MOST_SECONDS

    def answered(self, outcome: Outcome) -> bool:
        """Takes what it says. Is it still there?"""
        try:
            answer = self.connection.recv()
        except (EOFError, ConnectionError):
            self.process.join()
            outcome.counts["crash"] += 1
            outcome.failures.append((self.number, f"crash: exit {self.process.exitcode}"))
            return False
        if answer == "begins":
            self.since = time.monotonic()
        else:
            self.is_busy = False
            outcome.take(self.number, *answer)
        return True

    def end(self) -> None:
        self.process.kill()
        self.process.join()


def _work(parent: Connection, prepare: Callable[[], Case]) -> None:
    case = prepare()
    limit = _memory("VmSize") + ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    while True:
        number = parent.recv()
        parent.send("begins")
        with (
            contextlib.suppress(OSError),
            open("/proc/self/clear_refs", "w", encoding="ascii") as file,
        ):
            file.write("5")  # the peak is counted anew
        before, start = _memory("VmHWM"), time.monotonic()
        answer = case(number)
        parent.send((time.monotonic() - start, _memory("VmHWM") - before, answer))


def _memory(name: str) -> int:
    """Bytes, as the system calls them."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name)) * 1024
