"""The machine's peak: plausible, of both arithmetics, and not more than its threads together can do."""

from __future__ import annotations

import pytest

from nnapi_runtime import _loader
from nnapi_runtime.machine import Machine, default_threads


def test_peaks_of_both_arithmetics_are_measured() -> None:
    machine = Machine.measure(1)
    assert machine.threads == 1
    # The slowest processors that run this do a billion, the fastest cores less than 100 000 billion.
    assert 1e8 < machine.float32 < 1e14
    assert 1e8 < machine.int8 < 1e14
    assert len(machine.instructions) == 2


def test_the_fastest_instructions_are_taken() -> None:
    best = max(rate for arithmetic, _, rate in _loader.measure_peaks(1) if arithmetic == "int8")
    # Another measurement: other processes may have taken up to most of the core.
    assert Machine.measure(1).int8 > best / 10


@pytest.mark.parametrize("threads", [0, -3])
def test_no_threads_do_nothing(threads: int) -> None:
    assert all(rate <= 0 for _, _, rate in _loader.measure_peaks(threads))


def test_fixed_work_takes_time() -> None:
    assert 0 < _loader.time_fixed_work(2) < 60


@pytest.mark.parametrize("size", [0, 1, 4096])
def test_memory_is_read(size: int) -> None:
    assert _loader.read_bandwidth(size) > 0


@pytest.mark.parametrize("wish, expected", [("3", 3), ("0", None), ("x", None), ("", None)])
def test_the_default_is_the_host_runtimes(
    wish: str, expected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NNAPI_NUM_THREADS", wish)
    assert default_threads() == expected or (expected is None and default_threads() >= 1)
