from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from typing_extensions import Buffer

class Border:
    """What a model says about an input or output."""

    @property
    def type(self) -> int: ...
    @property
    def dtype(self) -> str: ...
    @property
    def shape(self) -> tuple[int | None, ...] | None: ...
    @property
    def scale(self) -> float: ...
    @property
    def zero_point(self) -> int: ...

class Executor:
    """A model compiled by an NNAPI library, ready to run; threads may share it."""

    def __init__(
        self,
        words: Buffer | np.ndarray[Any, Any],
        buffers: Sequence[Buffer | np.ndarray[Any, Any]],
        *,
        library: str | PathLike[str] | None = None,
        relaxed: bool = False,
        num_threads: int = 0,
        loop_timeout: int = 0,
        preference: int = 2,
        cache: tuple[str | PathLike[str], bytes] | None = None,
    ) -> None: ...
    def run(
        self,
        inputs: Sequence[Buffer | np.ndarray[Any, Any] | None],
        outputs: Sequence[Buffer | np.ndarray[Any, Any]] | None = None,
    ) -> list[np.ndarray[Any, Any]]: ...
    def profile(self, inputs: Sequence[Buffer | np.ndarray[Any, Any] | None]) -> list[int]: ...
    @property
    def inputs(self) -> list[Border]: ...
    @property
    def outputs(self) -> list[Border]: ...
    @property
    def operations(self) -> list[int]: ...
    @property
    def library(self) -> Path: ...

class BoundRun:
    """A computation whose arrays stay where they are; threads take turns."""

    def __init__(
        self,
        executor: Executor,
        inputs: Sequence[Buffer | np.ndarray[Any, Any]],
        outputs: Sequence[Buffer | np.ndarray[Any, Any]],
    ) -> None: ...
    def __call__(self) -> None: ...

def host_library() -> Path: ...
def default_library() -> Path: ...
def measure_peaks(threads: int) -> list[tuple[str, str, float]]: ...
def time_fixed_work(threads: int) -> float: ...
def read_bandwidth(bytes: int) -> float: ...
