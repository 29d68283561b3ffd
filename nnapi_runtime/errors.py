"""What the runtime raises. Every error says what is wrong, where, and what to do next."""

from __future__ import annotations

from typing import Self


def spelt_out(text: str) -> str:
    """With what is no printable character as an escape, but for new lines: names in a text may be a file's author's."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one == "\n" else ascii(one)[1:-1] for one in text)


class NnapiError(RuntimeError):
    """An NNAPI library refused a call; the base of all errors of the runtime.

    ``code`` is the result code's name ("BAD_DATA"), ``call`` the function that answered it, and
    ``operation`` the index of the operation concerned in the main model; ``node`` is the node of the user's
    model that this came from, and ``source`` where it was written ("model.py:12"). None where not known.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        call: str | None = None,
        operation: int | None = None,
        node: str | None = None,
        source: str | None = None,
    ) -> None:
        super().__init__(spelt_out(message))
        self.code = code
        self.call = call
        self.operation = operation
        self.node = node
        self.source = source

    def with_text(self, message: str) -> Self:
        """The same error in other words."""
        return type(self)(
            message,
            code=self.code,
            call=self.call,
            operation=self.operation,
            node=self.node,
            source=self.source,
        )

    def within(self, name: str) -> Self:
        """The same error, told of something that has a name: a file, a model."""
        return self.with_text(f"{name}: {self}")


class FallbackWarning(UserWarning):
    """A model runs in torch, since no NNAPI library runs it."""

    def __init__(self, message: str) -> None:
        super().__init__(spelt_out(message))


class LibraryError(NnapiError):
    """An NNAPI library cannot be loaded, or lacks a function."""


class ModelError(NnapiError):
    """A file, or a part of one, is damaged or not what it should be."""


class ArgumentError(NnapiError, ValueError):
    """Arguments of a run that do not fit the model."""
