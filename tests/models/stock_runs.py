"""Runs conversions in a stock torch process (`tests.models.stock_process`) and reads what it gave."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

import nnapi_runtime
from nnapi_core.conversion.converted import Converted

SCRIPT = Path(__file__).with_name("stock_process.py")


class StockRuns:
    """Conversions are added with their arguments; `run` runs all of them in one process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(
        self, name: str, converted: Converted, examples: Sequence[tuple[Any, ...]], suffix: str
    ) -> None:
        converted.save(self._folder / f"{name}{suffix}")
        torch.save(list(examples), self._folder / f"{name}.args")

    def run(self, *, with_library: bool) -> None:
        library = [str(nnapi_runtime.host_library())] if with_library else []
        done = subprocess.run(
            [sys.executable, str(SCRIPT), str(self._folder), *library],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert done.stdout.strip().endswith("modules of ours imported: 0")

    def results(self, name: str, method: str) -> list[Any]:
        """For each of the examples. Raises `AssertionError` if the process could not run it."""
        error = self.error(name, method)
        assert error is None, f"{name}.{method}: {error}"
        found: list[Any] = torch.load(self._folder / f"{name}.{method}.results")
        return found

    def error(self, name: str, method: str) -> str | None:
        file = self._folder / f"{name}.{method}.error"
        return file.read_text() if file.exists() else None
