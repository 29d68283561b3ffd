"""What a measuring process says: errors that mean something, times that are of the call alone."""

from __future__ import annotations

import time

import numpy as np

from benchmarks.speed.peers import Run
from benchmarks.speed.worker import LEAST_RUNS, difference, measure


def test_difference_is_relative_to_the_largest_value() -> None:
    assert difference(np.array([4.0, 1.0]), np.array([4.0, 2.0])) == 0.25


def test_channels_may_come_last() -> None:
    image = np.random.default_rng(0).standard_normal((1, 3, 4, 5))
    assert difference(image.transpose(0, 2, 3, 1), image) == 0
    assert difference(image[:, :2], image) == float("inf")


def test_a_slow_call_is_made_a_few_times() -> None:
    calls = []
    answer = measure(Run(lambda: calls.append(time.sleep(0.01)), lambda: np.zeros(1)), 0.001)
    assert answer["runs"] == LEAST_RUNS
    assert 10 <= answer["best"] <= answer["median"]


def test_a_quick_call_is_timed_in_batches() -> None:
    calls: list[None] = []
    answer = measure(Run(lambda: calls.append(None), lambda: np.zeros(1)), 0.02)
    assert len(calls) > 10 * answer["runs"]
    assert 0 < answer["best"] <= answer["median"] < 0.1
