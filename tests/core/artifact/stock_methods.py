"""Methods of a .ptl file, as stock PyTorch's lite interpreter runs them."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from torch.jit.mobile import _load_for_lite_interpreter

import nnapi_runtime


class Stock:
    """The methods by their names, and ``reset``."""

    def __init__(self, path: Path, end: str, names: Sequence[str]) -> None:
        """``end``: "", or "_cpu" for the methods without NNAPI."""
        ctypes.CDLL(str(nnapi_runtime.host_library()), mode=ctypes.RTLD_GLOBAL)
        module = _load_for_lite_interpreter(str(path))
        for name in names:
            setattr(self, name, partial(module.run_method, f"{name}{end}"))
        self.reset: Any = partial(module.run_method, "reset")
