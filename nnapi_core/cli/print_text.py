"""What the command prints: text of models and files is never a terminal's command, and no encoding refuses it."""

from __future__ import annotations

import codecs
import os
import re
import sys

from nnapi_core.artifact.printable import printable

_PLAIN = {"→": "->", "…": "...", "×": "x", "µ": "u", "━": "#", "—": "-", "·": "."}
# What errors call Python's arguments by, and the options that give these.
_OPTIONS = {
    r"\bconvert with quantized_io=False": "leave --quantized-io out",
    r"\bquantized_io(=True|(?=:))": "--quantized-io",
    r"\bname them in dynamic_shapes=": "name them with --dynamic",
    r"\bgive a list of sizes=": "give --sizes NAME=N,... for each of them",
    r"(?<= to make one model) for each of them": "",
    r"\bfixed sizes are to be listed: sizes=.*": "fixed sizes are to be listed: --sizes NAME=N,... for each",
    r"\bmetric=": "--metric",
    r"\bat_least=": "--at-least",
    r"\btarget_snr=": "--target-snr",
    r"\bnnapi_core\.quantize\(\.\.\., per_channel=False\)": "nnapi-convert quantize --scheme uint8-per-tensor",
    r"\bfallback=\"error\"": "--fallback error",
}
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
    """On standard error, as an error of the command, in its words."""
    for argument, option in _OPTIONS.items():
        text = re.sub(argument, option, text)
    print(printable(f"nnapi-convert: {text}", keep="\n\t"), file=sys.stderr)


def _spelt(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    spelt = (
        _PLAIN.get(one) or one.encode("ascii", "backslashreplace").decode() for one in characters
    )
    return "".join(spelt), error.end
