"""One peer with one model in a process of its own, measured when it is told to.

``python -m benchmarks.speed.worker PEER CASE PRECISION THREADS FOLDER`` loads, computes once, and says what came out
as a line of JSON. Then, for each line with a number of seconds that it reads, it computes for about so long and answers
with what that took.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.peers import Run, peer
from benchmarks.speed.prepare import artifact_path, expected_path

LEAST_RUNS = 3


def difference(result: np.ndarray, expected: np.ndarray) -> float:
    """The largest error of any element over the largest value. Channels may be last in the result."""
    if result.shape != expected.shape and result.ndim == 4:
        result = result.transpose(0, 3, 1, 2)
    if result.shape != expected.shape:
        return float("inf")
    error = np.abs(result.astype(np.float64) - expected).max()
    return float(error / max(np.abs(expected).max(), 1e-30))


def measure(run: Run, seconds: float) -> dict[str, Any]:
    """Milliseconds of a call, many times; small ones several at a time, so that the clock costs nothing."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    run.call()  # caches are someone else's after a break
    start = time.perf_counter()
    run.call()
    once = max(time.perf_counter() - start, 1e-7)
    batch = max(1, round(1e-4 / once))
    runs = max(LEAST_RUNS, round(seconds / (once * batch)))
    began = time.perf_counter()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        for _ in range(batch):
            run.call()
        times.append((time.perf_counter() - start) * 1e3 / batch)
        if time.perf_counter() - began > 3 * seconds and len(times) >= LEAST_RUNS:
            break
    after = resource.getrusage(resource.RUSAGE_SELF)
    own = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"median": float(np.median(times)), "best": min(times), "runs": len(times), "own": own}


def main(name: str, case: str, precision: str, threads: str, folder: str) -> None:
    warnings.simplefilter("ignore")
    # Answers go where this program's output went; whatever libraries print goes to stderr.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    known = np.load(expected_path(Path(folder), case))
    path = artifact_path(Path(folder), case, precision, name)
    start = time.perf_counter()
    run = peer(name).load(case, precision, path, int(threads), known["input"])
    run.call()
    loaded = time.perf_counter() - start
    error = difference(np.asarray(run.result()), known["result"])
    print(json.dumps({"loaded": loaded, "error": error}), file=answers)
    for line in sys.stdin:
        print(json.dumps(measure(run, float(line))), file=answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
