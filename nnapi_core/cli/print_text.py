"""What the command prints: text of models and files is never a terminal's command, and no encoding refuses it."""

from __future__ import annotations

import codecs
import os
import sys

from nnapi_core.artifact.printable import printable

_PLAIN = {"→": "->", "…": "...", "×": "x", "µ": "u", "━": "#", "—": "-", "·": "."}
_HANDLER = "torch_nnapi.spelt"


def prepare_streams() -> None:
    """Before anything is printed: what an encoding has not got is spelt in ASCII; closed streams swallow."""
    codecs.register_error(_HANDLER, _spelt)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        reconfigure = getattr(getattr(sys, name), "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=_HANDLER)


def say(text: str) -> None:
    """On standard output, with all control characters but new lines and tabs spelt out."""
    print(printable(text, keep="\n\t"))


def complain(text: str) -> None:
    """On standard error, as an error of the command."""
    print(printable(f"nnapi-convert: {text}", keep="\n\t"), file=sys.stderr)


def _spelt(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    spelt = (
        _PLAIN.get(one) or one.encode("ascii", "backslashreplace").decode() for one in characters
    )
    return "".join(spelt), error.end
