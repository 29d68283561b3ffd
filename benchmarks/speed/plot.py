"""Results as a picture: a self-contained SVG, times of all peers over the best peer's."""

from __future__ import annotations

from html import escape

from benchmarks.speed.cases import CASES
from benchmarks.speed.peers import peer
from benchmarks.speed.race import Heat
from benchmarks.speed.results import Results
from benchmarks.speed.table import OURS, best_peer

_COLOURS = {
    "ours": "#1a7f37",
    "torch_eager": "#e07b39",
    "torch_compiled": "#b5495b",
    "onnx_runtime": "#4878a8",
    "litert": "#8d6cab",
    "executorch": "#7f8c8d",
}
_BAR, _GAP, _HEIGHT, _LEFT, _TOP = 13, 26, 190, 46, 58
_LEGEND = 150  # wide is a name of it
_MOST = 3.0  # taller bars are cut off, and say how tall they are


def svg(results: Results) -> str:
    """A panel for each precision and number of threads."""
    panels = sorted({(heat.precision, heat.threads) for heat in results.heats})
    names = [one.name for one in results.peers if one.versions]
    group = _BAR * len(names) + _GAP
    width = max(_LEFT + group * len(CASES) + 20, 10 + _LEGEND * len(names))
    height = _TOP + (_HEIGHT + 62) * len(panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="system-ui, sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
        '<text x="10" y="20" font-size="15">Time over that of the fastest peer (lower is better)'
        "</text>",
    ]
    for place, name in enumerate(names):
        x = 10 + _LEGEND * place
        parts.append(f'<rect x="{x}" y="32" width="11" height="11" fill="{_COLOURS[name]}"/>')
        parts.append(f'<text x="{x + 15}" y="42">{escape(peer(name).NAME)}</text>')
    for place, (precision, threads) in enumerate(panels):
        top = _TOP + (_HEIGHT + 62) * place
        parts += _panel(results, precision, threads, names, group, top, width)
    return "\n".join([*parts, "</svg>\n"])


def _panel(
    results: Results,
    precision: str,
    threads: int,
    names: list[str],
    group: int,
    top: int,
    width: int,
) -> list[str]:
    bottom = top + 20 + _HEIGHT
    parts = [f'<text x="10" y="{top + 12}" font-size="13">{precision}, {threads} thread(s)</text>']
    for mark in (0.5, 1.0, 1.5, 2.0, 2.5):
        y = bottom - _HEIGHT * mark / _MOST
        colour = "#555" if mark == 1 else "#ddd"
        parts.append(
            f'<line x1="{_LEFT}" x2="{width - 10}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#555">{mark}</text>'
        )
    heats = [heat for case in CASES if (heat := results.heat(case, precision, threads))]
    for place, heat in enumerate(heats):
        x = _LEFT + 8 + group * place
        parts += _bars(heat, names, x, bottom)
        middle = x + (group - _GAP) / 2
        parts.append(
            f'<text x="{middle:.0f}" y="{bottom + 16}" text-anchor="middle">'
            f"{escape(CASES[heat.case].title)}</text>"
        )
    return parts


def _bars(heat: Heat, names: list[str], x: int, bottom: int) -> list[str]:
    best = best_peer(heat) or OURS
    parts = []
    for place, name in enumerate(names):
        if name not in heat.times or best not in heat.times:
            continue
        ratio = heat.times[name].median / heat.times[best].median
        tall = _HEIGHT * min(ratio, _MOST) / _MOST
        left = x + _BAR * place
        parts.append(
            f"<g><title>{escape(peer(name).NAME)}: {heat.times[name].median:.3f} ms</title>"
            f'<rect x="{left}" y="{bottom - tall:.1f}" width="{_BAR - 2}" height="{tall:.1f}" '
            f'fill="{_COLOURS[name]}"/></g>'
        )
        if ratio > _MOST or name == OURS:
            parts.append(
                f'<text x="{left + _BAR / 2 - 1:.1f}" y="{bottom - tall - 3:.1f}" font-size="9" '
                f'text-anchor="middle">{ratio:.{1 if ratio > _MOST else 2}f}</text>'
            )
    return parts
