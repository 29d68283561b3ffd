"""Lines that torchao writes when it is imported, and that tell nothing of the quantisation here."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

# Kernels for GPUs, which PT2E does not use; and a class of torchao's that torch need not be told of any more.
_LINES = {
    "torchao": re.compile(r"Failed to load .*\.so\b"),
    "torch.utils._pytree": re.compile(r".* is an Enum subclass and is now natively supported"),
}


@contextmanager
def unsaid() -> Iterator[None]:
    """Leaves these lines out; every other one is written."""
    filters = {logging.getLogger(name): _Without(line) for name, line in _LINES.items()}
    for logger, one in filters.items():
        logger.addFilter(one)
    try:
        yield
    finally:
        for logger, one in filters.items():
            logger.removeFilter(one)


class _Without(logging.Filter):
    def __init__(self, line: re.Pattern[str]) -> None:
        super().__init__()
        self._line = line

    def filter(self, record: logging.LogRecord) -> bool:
        return self._line.match(record.getMessage()) is None
