"""What the runtime raises. Every error says what is wrong, where, and what to do next."""

from __future__ import annotations


class NnapiError(RuntimeError):
    """An NNAPI library refused a call; the base of all errors of the runtime.

    ``code`` is the result code's name ("BAD_DATA"), ``call`` the function that answered it, and
    ``operation`` the index of the operation concerned in the main model; None where not known.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        call: str | None = None,
        operation: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.call = call
        self.operation = operation


class LibraryError(NnapiError):
    """An NNAPI library cannot be loaded, or lacks a function."""


class ModelError(NnapiError):
    """A file, or a part of one, is damaged or not what it should be."""


class ArgumentError(NnapiError, ValueError):
    """Arguments of a run that do not fit the model."""
