"""What callers catch. Nothing else escapes for user input."""

from __future__ import annotations

from typing import Any

from nnapi_core.reasons import Reason


class ConversionError(Exception):
    """A model, an argument or a file that cannot be converted; the text says what, where and what to do next."""


class Unsupported(ConversionError):  # noqa: N818  (a refusal is an outcome, not a mistake)
    """A refusal: NNAPI, at the target feature level, cannot express this exactly.

    A lowering raises it with a short reason and the offending values as keywords; the conversion adds the
    node and the user's source line. ``Unsupported("kernel larger than the image", kernel=(3, 3))``
    """

    def __init__(self, reason: str, code: Reason = Reason.NOT_EXACT, /, **values: Any) -> None:
        self.reason = reason
        self.code = code
        self.values = values
        details = ", ".join(f"{name}={value}" for name, value in values.items())
        super().__init__(f"{reason} ({details})" if details else reason)


class ArtifactError(ConversionError):
    """A file that is missing, truncated, damaged or not what it should be."""


class PluginError(ConversionError):
    """A plugin that cannot be imported, claims what it may not, or whose hook or pass fails; the text names it."""


class FormatWarning(UserWarning):
    """A file's format holds less of a conversion on NNAPI than the conversion itself; the text names each node."""
