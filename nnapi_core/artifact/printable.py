"""Text of files and of models as a terminal may have it: what would move its cursor, or worse, is spelt out."""

from __future__ import annotations

import re

# Controls of ASCII and of Latin-1 (ESC and CSI among them), what turns the direction of writing, line and paragraph
# separators, and halves of surrogate pairs, which no encoding has.
_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str, *, keep: str = "") -> str:
    """``text`` with every control character as an escape (``\\x1b``), but for those in ``keep``."""
    return _CONTROLS.sub(lambda found: found[0] if found[0] in keep else _escaped(found[0]), text)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
