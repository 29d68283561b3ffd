"""Was the machine quiet while something was measured?"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from nnapi_runtime._loader import time_fixed_work

# What fixed work may take over the best of all times, and the share of a core that others may use.
SLOWER, OTHERS = 1.10, 0.10
_TICK = 1 / os.sysconf("SC_CLK_TCK")


def busy_seconds() -> float:
    """Processor time of everyone since the start, other virtual machines' (steal) included."""
    user, nice, system, _idle, _wait, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + irq + softirq + steal) * _TICK


class Watch:
    """Asked before and after each measurement on ``threads`` threads."""

    def __init__(
        self,
        threads: int,
        *,
        fixed_work: Callable[[int], float] = time_fixed_work,
        busy: Callable[[], float] = busy_seconds,
    ) -> None:
        self._threads = threads
        self._fixed_work = fixed_work
        self._busy = busy
        self.best = min(fixed_work(threads) for _ in range(20))

    def begin(self) -> Round:
        return Round(self)

    def work(self) -> float:
        """The better of two times: the first may find the clock low."""
        taken = min(self._fixed_work(self._threads) for _ in range(2))
        self.best = min(self.best, taken)
        return taken

    def busy(self) -> float:
        return self._busy()


class Round:
    """One measurement: ``own`` is the processor time that the measured process says it took."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self.own = 0.0

    def __enter__(self) -> Round:
        self._before = self._watch.work()
        self._start, self._busy = time.perf_counter(), self._watch.busy()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.seconds = time.perf_counter() - self._start
        self.others = max(0.0, self._watch.busy() - self._busy - self.own)
        self._after = self._watch.work()

    @property
    def slowdown(self) -> float:
        """Of fixed work right before and after, against the best that was seen."""
        return max(self._before, self._after) / self._watch.best

    @property
    def quiet(self) -> bool:
        # The kernel counts processor time in ticks; two may be off by chance.
        return self.slowdown <= SLOWER and self.others <= OTHERS * self.seconds + 2.5 * _TICK
