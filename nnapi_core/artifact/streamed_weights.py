"""Weights as tensors over a temporary file.

TorchScript's writer wants every tensor at once; a converted weight (transposed, folded) would be a copy of the model in
memory. Mapped from a file, only a stretch of one of them is in memory at a time while they are made.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nnapi_core.nnapi.constant import Constant

_ALIGNMENT = 64
# A mapping of its own for a bias costs more than the bias.
_SMALL_BYTES = 1 << 16


class StreamedWeights:
    """Valid until the ``with`` block ends."""

    def __init__(self, folder: Path) -> None:
        # No name: the file is gone when it is closed, whatever happens.
        self._file: Any = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115

    def __enter__(self) -> StreamedWeights:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, constant: Constant) -> torch.Tensor:
        """The weight as a tensor in NNAPI's shape; its data are in the file, or in memory if they are few."""
        if constant.nbytes <= _SMALL_BYTES:
            return torch.from_numpy(constant.array().copy())
        offset = self._file.seek(0, 2)
        offset += -offset % _ALIGNMENT
        self._file.seek(offset)
        for slab in constant.slabs():
            self._file.write(slab)
        self._file.flush()
        mapped = np.memmap(self._file, constant.dtype, "c", offset, constant.shape)
        return torch.from_numpy(mapped)
