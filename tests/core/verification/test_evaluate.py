"""A metric over a data set: numbers of each model, and what data and metrics do wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnapi_core
from nnapi_core.verification.evaluate import evaluate


def share(model: Callable[..., Any], items: Iterable[Any]) -> float:
    results = [model(x) == y for x, y in items]
    return sum(results) / len(results)


@given(labels=st.lists(st.integers(0, 3), min_size=1, max_size=20), held=st.booleans())
def test_every_model_has_all_the_data(labels: list[int], held: bool) -> None:
    pairs = list(enumerate(labels))
    seen: list[tuple[str, int, int]] = []
    found = evaluate(
        {"right": lambda x: labels[x], "zero": lambda x: 0},
        (lambda: pairs) if held else (lambda: iter(pairs)),
        share,
        lambda *told: seen.append(told),
    )
    assert [one.values["metric"] for one in found] == [1.0, labels.count(0) / len(labels)]
    assert all(one.items == len(labels) and one.seconds >= 0 for one in found)
    total = len(labels) if held else 0
    assert seen == [
        (name, done + 1, total) for name in ("right", "zero") for done in range(len(labels))
    ]


def test_several_numbers() -> None:
    def both(model: Callable[..., Any], items: Iterable[Any]) -> dict[str, Any]:
        results = [model(one) for one in items]
        return {"sum": sum(results), "most": max(results)}

    (found,) = evaluate({"same": lambda x: x}, lambda: [1, 2, 3], both)
    assert found.values == {"sum": 6.0, "most": 3.0}


def failing() -> Iterator[int]:
    yield 1
    raise OSError("disk gone")


def total(model: Callable[..., Any], items: Iterable[Any]) -> Any:
    return sum(model(one) for one in items)


@pytest.mark.parametrize(
    "model, data, metric, said",
    [
        (lambda x: 1 / 0, lambda: [1], total, "fails for m, at item 1 .*ZeroDivisionError"),
        (lambda x: x, failing, total, "item 1 of the data cannot be read .*disk gone"),
        (lambda x: x, lambda: 3, total, "cannot be iterated .*function that returns an iterable"),
        (lambda x: x, list, total, "nothing of the data for m"),
        (lambda x: x, lambda: [1], lambda model, items: 1.0, "nothing of the data for m"),
        (lambda x: math.nan, lambda: [1], total, "metric is NaN"),
        (lambda x: x, lambda: [1], lambda m, items: str(list(items)), "not a number or a dict"),
        (lambda x: x, lambda: [1], lambda m, items: {"a": list(items)}, "not a number or a dict"),
    ],
)
def test_what_says_nothing_is_refused(model: Any, data: Any, metric: Any, said: str) -> None:
    with pytest.raises(nnapi_core.ConversionError, match=said):
        evaluate({"m": model}, data, metric)
