"""A program's text as lines of tokens, within limits: the text may come from anybody."""

from __future__ import annotations

import re
from typing import Any, NoReturn

from nnapi_runtime.errors import ModelError
from nnapi_runtime.torch_program.tokens import END, Token, tokens

MOST_CHARACTERS = 4 << 20
MOST_IN_LINE = 1 << 20
MOST_STATEMENTS = 200_000

_WORD = re.compile(r"[ -~]*")


def refused(name: str, line: int, what: str) -> ModelError:
    """The error for a program that is not run."""
    return ModelError(
        f"{name!r} is not a program as the converter writes them: line {line}: {what}; the file is damaged, hostile or "
        "of a newer release: get it again from whom you trust, or convert the model again"
    )


def checked_lines(text: Any, name: str) -> list[str]:
    """Its lines, of printable ASCII."""
    size = len(text) if isinstance(text, str) else memoryview(text).nbytes
    if size > MOST_CHARACTERS:
        raise refused(name, 1, f"{size} characters; a program has {MOST_CHARACTERS} at most")
    if not isinstance(text, str):
        text = bytes(text).decode("latin-1")
    lines: list[str] = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    if len(lines) > MOST_STATEMENTS:
        raise refused(name, MOST_STATEMENTS, f"more than {MOST_STATEMENTS} lines")
    for number, line in enumerate(lines, 1):
        if len(line) > MOST_IN_LINE:
            raise refused(name, number, f"the line has more than {MOST_IN_LINE} characters")
        found = _WORD.match(line)
        end = found.end() if found else 0
        if end != len(line):
            raise refused(name, number, f"column {end + 1}: {line[end]!a} is not printable ASCII")
    return lines


class Lines:
    """Lines in turn, and the tokens of each; two of these are known at a time."""

    def __init__(self, lines: list[str], name: str) -> None:
        self._name = name
        self._lines = lines
        self._row = -1
        self._height = 0

    def _refuse(self, what: str) -> NoReturn:
        raise refused(self._name, self._row + 1, what)

    def _unexpected(self, wanted: str) -> NoReturn:
        self._refuse(f"column {self._next.column}: {self._next} stands where {wanted} must")

    def _start(self, indent: int) -> None:
        """The first token of the next line, which must be indented so."""
        self._height = 0
        self._row += 1
        if self._row >= len(self._lines):
            self._row -= 1
            self._refuse("the text ends before its return")
        found = self._indent_at(self._row)
        if found != indent:
            self._refuse(f"the line is indented by {found}, not {indent}")
        self._tokens = tokens(self._lines[self._row], indent)
        self._next, self._second = next(self._tokens), next(self._tokens)

    def _indent_at(self, row: int) -> int:
        """Of a line; -1 behind the last."""
        if row >= len(self._lines):
            return -1
        line = self._lines[row]
        return len(line) - len(line.lstrip(" "))

    def _take(self) -> Token:
        taken = self._next
        self._next, self._second = self._second, next(self._tokens)
        return taken

    def _is(self, text: str) -> bool:
        """Is it this sign or word next?"""
        return self._next.text == text and self._next.kind != "string"

    def _expect(self, *texts: str) -> None:
        for text in texts:
            if not self._is(text):
                self._unexpected(repr(text))
            self._take()

    def _end(self) -> None:
        if self._next.kind != END:
            self._unexpected("the end of the line")
