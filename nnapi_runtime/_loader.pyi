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
        preference: int = 2,
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

def host_library() -> Path: ...
def default_library() -> Path: ...
