"""Numbers and bytes of model words, one after the other."""

from __future__ import annotations

import struct

from nnapi_core.errors import ArtifactError


class WordReader:
    """Takes numbers off the words, refusing to read past their end."""

    def __init__(self, words: bytes) -> None:
        self.words = words
        self.position = 0
        self.parts = 0
        """Operands and operations so far."""

    def bytes(self, count: int, what: str) -> bytes:
        end = self.position + count
        if count < 0 or end > len(self.words):
            raise ArtifactError(
                f"model words end at byte {len(self.words)} while reading {what}, "
                f"which needs {count} bytes from {self.position}"
            )
        taken = self.words[self.position : end]
        self.position = end
        return taken

    def unpack(self, format_: str, what: str) -> tuple[int, ...]:
        return struct.unpack("<" + format_, self.bytes(struct.calcsize("<" + format_), what))

    def many(self, count: int, what: str) -> list[int]:
        return list(struct.unpack(f"<{count}I", self.bytes(4 * count, what)))
