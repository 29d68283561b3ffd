"""A round counts as quiet only while nothing else has the machine."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.speed import machine_load
from benchmarks.speed.machine_load import Round, Watch


def watch(work: Callable[[int], float], busy: Callable[[], float] = lambda: 0.0) -> Watch:
    return Watch(1, fixed_work=work, busy=busy)


def one_round(of: Watch, own: float = 0.0) -> Round:
    with of.begin() as round_:
        round_.own = own
    return round_


def test_steady_work_and_nobody_else_is_quiet() -> None:
    assert one_round(watch(lambda threads: 0.004)).quiet


def test_slower_work_afterwards_is_not_quiet() -> None:
    times = iter([0.004] * 20 + [0.004, 0.004, 0.006, 0.006])
    round_ = one_round(watch(lambda threads: next(times)))
    assert not round_.quiet
    assert round_.slowdown == 1.5


def test_one_slow_try_is_forgiven() -> None:
    times = iter([0.004] * 20 + [0.009, 0.004, 0.004, 0.009])
    assert one_round(watch(lambda threads: next(times))).quiet


def test_others_on_the_processor_are_noticed() -> None:
    seconds = iter([0.0, 1.0])
    assert not one_round(watch(lambda threads: 0.004, lambda: next(seconds))).quiet


def test_the_measured_process_itself_is_no_other() -> None:
    seconds = iter([0.0, 1.0])
    assert one_round(watch(lambda threads: 0.004, lambda: next(seconds)), own=1.0).quiet


def test_the_kernels_count_goes_up() -> None:
    before = machine_load.busy_seconds()
    assert sum(i * i for i in range(2_000_000)) > 0
    assert machine_load.busy_seconds() >= before
