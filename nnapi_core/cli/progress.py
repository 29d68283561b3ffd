"""What is going on, on a terminal: one line on stderr that goes when the work is done. Nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol


class Steps(Protocol):
    """A piece of long work: what it is, and how far it is."""

    def count(self, done: int, total: int) -> None:
        """So many of ``total`` are done."""


class _Quiet:
    def count(self, done: int, total: int) -> None:
        pass


class _Bar:
    def __init__(self, progress: Any, what: str, by_itself: bool) -> None:
        self._progress = progress
        self._by_itself = by_itself
        self._task = progress.add_task(what, total=None)

    def count(self, done: int, total: int) -> None:
        # What comes after the last one has no number: the bar runs to and fro again.
        self._progress.update(
            self._task,
            completed=done,
            total=None if done >= total else total,
            refresh=not self._by_itself,
        )


@contextmanager
def working(what: str, *, by_itself: bool = True) -> Iterator[Steps]:
    """Shows ``what`` and the time it takes while the block runs. Needs rich, and a terminal.

    Not ``by_itself``: drawn only when something is counted, so that no thread disturbs what is measured.
    """
    bars = _bars(by_itself) if sys.stderr.isatty() else None
    if bars is None:
        yield _Quiet()
        return
    with bars:
        yield _Bar(bars, what, by_itself)


def _bars(by_itself: bool) -> Any:
    try:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )
    except ImportError:
        return None
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    console = Console(file=sys.stderr)
    return Progress(*columns, console=console, transient=True, auto_refresh=by_itself)
