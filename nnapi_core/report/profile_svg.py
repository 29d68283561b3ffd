"""A profile as a picture: a self-contained SVG, a bar an operation, its colour the share of the machine's peak."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from nnapi_core.report.profile import Row

_LINE, _BAR, _LABEL, _FIGURES = 15, 520, 250, 230
_NO_PRODUCTS = "#9aa5b1"
# From far below the peak to near it.
_COLOURS = ("#d73027", "#f46d43", "#fdae61", "#fee08b", "#a6d96a", "#66bd63", "#1a9850")


def profile_svg(title: str, rows: Sequence[Row]) -> str:
    """Operations in order from top to bottom; time to the right."""
    longest = max((row.microseconds for row in rows), default=0.0) or 1.0
    total = sum(row.microseconds for row in rows)
    top = 64
    height = top + _LINE * len(rows) + 12
    width = _LABEL + _BAR + _FIGURES
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="system-ui, sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="10" y="20" font-size="15">{escape(title)}: {total / 1e3:.3f} ms</text>',
        *_legend(),
    ]
    for place, row in enumerate(rows):
        y = top + _LINE * place
        bar = _BAR * row.microseconds / longest
        figures = f"{row.microseconds:.1f} µs, {row.share:.1%}"
        if row.work.macs:
            figures += f", {row.rate / 1e9:.0f} GFLOP/s, {row.of_peak:.0%} of peak"
        parts.append(
            f"<g><title>{escape(row.origin)}</title>"
            f'<text x="{_LABEL - 8}" y="{y + 11}" text-anchor="end">{escape(row.name)}</text>'
            f'<rect x="{_LABEL}" y="{y + 2}" width="{max(bar, 0.5):.1f}" height="{_LINE - 4}" '
            f'fill="{_colour(row)}"/>'
            f'<text x="{_LABEL + bar + 6:.1f}" y="{y + 11}" fill="#444">{figures}</text></g>'
        )
    return "\n".join([*parts, "</svg>\n"])


def _colour(row: Row) -> str:
    if not row.work.macs:
        return _NO_PRODUCTS
    return _COLOURS[min(int(row.of_peak * len(_COLOURS)), len(_COLOURS) - 1)]


def _legend() -> list[str]:
    parts = ['<text x="10" y="44" fill="#444">share of the machine\'s peak:</text>']
    for place, colour in enumerate((*_COLOURS, _NO_PRODUCTS)):
        x = 170 + 44 * place
        last = place == len(_COLOURS)
        text = "no products" if last else f"{place / len(_COLOURS):.0%}"
        parts.append(f'<rect x="{x}" y="34" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{x + 15}" y="44" fill="#444">{text}</text>')
    return parts
