"""The words of a torch program's text: printable ASCII, a line at a time, in linear time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_TOKEN = re.compile(
    rf"(?P<torch>torch(?:\.{_NAME})+)"
    rf"|(?P<name>math\.{_NAME}|{_NAME})"
    rf"|(?P<attribute>\.{_NAME})"
    r"|(?P<number>[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)"
    r"|(?P<string>'[^'\\]*'|\"[^\"\\]*\")"
    r"|(?P<sign>\*\*|//|[=!<>]=|->|[-+*/%<>()\[\],=:])"
    r"|(?P<space> +)"
    r"|(?P<other>.)"
)
END = "end of line"


class Token(NamedTuple):
    """ "torch" (``torch.a.b``), "name" (or ``math.a``), "attribute" (``.a``), "number", "string", "sign" or `END`."""

    kind: str
    text: str
    column: int

    def __str__(self) -> str:
        """For messages: never more than a few words of a text."""
        shown = self.text if len(self.text) <= 40 else self.text[:40] + "…"
        return repr(shown) if self.text else self.kind


def tokens(line: str, start: int) -> Iterator[Token]:
    """The tokens of ``line`` from column ``start`` (counted from 0), then `END` for ever.

    What is no token has the kind "other".
    """
    for found in _TOKEN.finditer(line, start):
        kind = found.lastgroup or "other"
        if kind != "space":
            yield Token(kind, found[0], found.start() + 1)
    while True:
        yield Token(END, "", len(line) + 1)
