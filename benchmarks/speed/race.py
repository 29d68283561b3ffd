"""One model in one precision on so many threads: every peer in a process of its own, in rounds of random order."""

from __future__ import annotations

import json
import random
import select
import subprocess
import time
from pathlib import Path
from statistics import median
from typing import Any

from attrs import field, frozen

from benchmarks.speed.environments import PYTHONS, last_line, variables
from benchmarks.speed.machine_load import Watch
from benchmarks.speed.peers import peer

LOAD_TIMEOUT = 300.0
# Seconds for the threads of whoever was measured before to stop waiting actively.
SETTLE = 0.05
# A result that is further from torch's than this is of some other model. Integers are compared for sanity only.
TOLERANCE = {"fp32": 1e-2, "int8": 1.0}
# As many quiet rounds make a median; with fewer, disturbed ones count too.
LEAST_QUIET = 3


@frozen
class Time:
    """Milliseconds: the median of the rounds' medians. ``quiet``: how many of the ``rounds`` were undisturbed."""

    median: float
    best: float
    rounds: int
    quiet: int
    error: float
    loaded: float

    @property
    def disturbed(self) -> bool:
        return self.quiet < min(LEAST_QUIET, self.rounds)


@frozen
class Heat:
    """What came of one race: times by peer, and reasons of those that did not run."""

    case: str
    precision: str
    threads: int
    times: dict[str, Time] = field(factory=dict)
    missing: dict[str, str] = field(factory=dict)


class Worker:
    """A process of benchmarks.speed.worker."""

    def __init__(self, name: str, case: str, precision: str, threads: int, folder: Path) -> None:
        self.name = name
        what = (name, case, precision, threads, folder)
        log = folder / case / precision / f"{name}.{threads}.log"
        self._log = log
        with log.open("w") as stderr:
            command = [PYTHONS[peer(name).ENVIRONMENT], "-W", "ignore"]
            self._process = subprocess.Popen(
                [*command, "-m", "benchmarks.speed.worker", *map(str, what)],
                env=variables(threads, folder),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )

    def answer(self, timeout: float) -> dict[str, Any]:
        """The next line. Raises RuntimeError, with the reason, where none comes."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], timeout)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            self._process.kill()
            code = self._process.wait()
            reason = last_line(self._log.read_text(errors="replace"))
            raise RuntimeError(reason if ready and reason else f"ended, or hung, with code {code}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def measure(self, seconds: float) -> dict[str, Any]:
        assert self._process.stdin is not None
        print(seconds, file=self._process.stdin, flush=True)
        return self.answer(30 + 20 * seconds)

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


@frozen
class Sample:
    median: float
    best: float
    quiet: bool


def race(
    case: str,
    precision: str,
    threads: int,
    names: list[str],
    folder: Path,
    *,
    rounds: int,
    seconds: float,
    deadline: float,
) -> Heat:
    """At least one round; then until all have ``rounds`` quiet ones, or ``time.monotonic()`` says ``deadline``."""
    heat = Heat(case, precision, threads)
    workers = [Worker(name, case, precision, threads, folder) for name in names]
    loads: dict[str, dict[str, Any]] = {}
    samples: dict[str, list[Sample]] = {}
    try:
        for worker in workers:
            try:
                loads[worker.name] = _checked(worker.answer(LOAD_TIMEOUT), precision)
                samples[worker.name] = []
            except RuntimeError as error:
                heat.missing[worker.name] = str(error)
        watch = Watch(threads)
        running = [worker for worker in workers if worker.name in samples]
        while running:
            for worker in random.sample(running, len(running)):
                try:
                    samples[worker.name].append(_sample(worker, watch, seconds))
                except RuntimeError as error:
                    heat.missing[worker.name] = str(error)
                    del samples[worker.name]
            running = [
                worker
                for worker in running
                if sum(one.quiet for one in samples.get(worker.name, ())) < rounds
                and worker.name in samples
            ]
            if time.monotonic() > deadline:
                break
    finally:
        for worker in workers:
            worker.close()
    for name, taken in samples.items():
        heat.times[name] = _time(taken, loads[name])
    return heat


def _checked(answer: dict[str, Any], precision: str) -> dict[str, Any]:
    if not answer["error"] <= TOLERANCE[precision]:
        raise RuntimeError(f"its result is off by {answer['error']:.1e} of the largest value")
    return answer


def _sample(worker: Worker, watch: Watch, seconds: float) -> Sample:
    time.sleep(SETTLE)
    with watch.begin() as one:
        answer = worker.measure(seconds)
        one.own = answer["own"]
    return Sample(answer["median"], answer["best"], one.quiet)


def _time(samples: list[Sample], load: dict[str, Any]) -> Time:
    quiet = [one for one in samples if one.quiet]
    counted = quiet if len(quiet) >= min(LEAST_QUIET, len(samples)) else samples
    return Time(
        median=median(one.median for one in counted),
        best=min(one.best for one in samples),
        rounds=len(samples),
        quiet=len(quiet),
        error=load["error"],
        loaded=load["loaded"],
    )
