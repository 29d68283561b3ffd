"""Where an NNAPI library keeps what compiling made, and under which token."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from nnapi_runtime.errors import ArgumentError


@dataclass(frozen=True)
class CompilationCache:
    """A folder, and what tells the models of one file from all others."""

    folder: Path
    identity: bytes

    @classmethod
    def of(cls, folder: str | PathLike[str], checksums: Any) -> CompilationCache:
        """``checksums`` are a file's, of its words and weights. Makes the folder. Raises `ArgumentError`."""
        if not isinstance(checksums, Mapping) or not checksums:
            raise ArgumentError("cache_dir needs a model from a .nnapi file, which has checksums")
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise ArgumentError(
                f"cache_dir {os.fspath(folder)!r} cannot be made: {error.strerror or error}"
            ) from None
        return cls(Path(folder).absolute(), json.dumps(checksums, sort_keys=True).encode())

    def entry(self, model: str) -> tuple[Path, bytes]:
        """The folder, and the token of one of the file's models."""
        return self.folder, hashlib.sha256(self.identity + model.encode()).digest()
