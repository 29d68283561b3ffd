"""What this machine can do at most, measured."""

from __future__ import annotations

import os
from dataclasses import dataclass

from nnapi_runtime import _loader


@dataclass(frozen=True, slots=True)
class Machine:
    """Operations a second in registers on ``threads`` threads; a multiply-accumulate counts as two."""

    threads: int
    float32: float
    int8: float
    instructions: tuple[str, ...]

    @classmethod
    def measure(cls, threads: int | None = None) -> Machine:
        """Takes about 0.2 s. ``threads``: None means as many as the host runtime uses."""
        count = default_threads() if threads is None else threads
        best: dict[str, tuple[float, str]] = {}
        for arithmetic, instructions, rate in _loader.measure_peaks(count):
            best[arithmetic] = max(best.get(arithmetic, (0.0, "")), (rate, instructions))
        rates = {arithmetic: rate for arithmetic, (rate, _) in best.items()}
        return cls(count, rates["float32"], rates["int8"], tuple(name for _, name in best.values()))


def default_threads() -> int:
    """As the host runtime counts them: NNAPI_NUM_THREADS, else one for each core that is ours."""
    wish = os.environ.get("NNAPI_NUM_THREADS", "")
    return int(wish) if wish.isdigit() and int(wish) > 0 else len(os.sched_getaffinity(0))
