"""Pages that people and programs write together: a program's part stands between two marks."""

from __future__ import annotations

from pathlib import Path


def replace_between_marks(page: Path, name: str, text: str) -> None:
    """Replaces what is between ``<!-- name: begin -->`` and ``<!-- name: end -->``. Raises ValueError without them."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    whole = page.read_text("utf-8")
    before, found, rest = whole.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"{page} lacks the marks {begin} and {end}")
    page.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}", "utf-8")
