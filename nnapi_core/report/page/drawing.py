"""A graph as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from attrs import frozen

from nnapi_core.report.page.graph_layout import NODE_HEIGHT, NODE_WIDTH, layered

# What fits into a node at the font's size.
_LETTERS = 24


@frozen
class Drawn:
    """A node of the page. ``device`` is ``nnapi``, ``cpu`` or ``border`` (an input or output of the model)."""

    name: str
    label: str
    below: str
    """The second line."""
    device: str
    inputs: tuple[str, ...] = ()
    details: tuple[tuple[str, str], ...] = ()
    """What the panel says of it: names and values."""
    error: float | None = None
    time: float | None = None
    """In nanoseconds."""


def svg(nodes: Sequence[Drawn]) -> str:
    """The drawing. ``nodes`` come after what they read; inputs that are not among them are left out."""
    names = {node.name for node in nodes}
    inputs = {node.name: [one for one in node.inputs if one in names] for node in nodes}
    layout = layered(inputs)
    number = {node.name: index for index, node in enumerate(nodes)}
    lines = [
        f'<svg id="graph" role="group" aria-label="graph" '
        f'viewBox="0 0 {layout.width:.0f} {layout.height:.0f}" '
        f'width="{layout.width:.0f}" height="{layout.height:.0f}">',
        '<g class="edges">',
    ]
    for (source, target), points in layout.edges.items():
        ends = f'data-from="{number[source]}" data-to="{number[target]}"'
        lines.append(f'<path {ends} d="{_curve(points)}"/>')
    lines.append("</g>")
    lines += [_node(node, index, layout.places[node.name]) for index, node in enumerate(nodes)]
    lines.append("</svg>")
    return "\n".join(lines)


def _curve(points: Sequence[tuple[float, float]]) -> str:
    x, y = points[0]
    parts = [f"M{x:.0f} {y:.0f}"]
    for nx, ny in points[1:]:
        if abs(nx - x) < 1:
            parts.append(f"L{nx:.0f} {ny:.0f}")
        else:
            middle = (y + ny) / 2
            parts.append(f"C{x:.0f} {middle:.0f} {nx:.0f} {middle:.0f} {nx:.0f} {ny:.0f}")
        x, y = nx, ny
    return "".join(parts)


def _node(node: Drawn, index: int, place: tuple[float, float]) -> str:
    x, y = place
    label = escape(f"{node.label}, {node.below}, {node.device}", quote=True)
    return (
        f'<g class="node {node.device}" data-node="{index}" tabindex="{0 if index == 0 else -1}" '
        f'role="button" aria-label="{label}" transform="translate({x:.0f} {y:.0f})">'
        f'<rect x="{-NODE_WIDTH / 2:.0f}" y="{-NODE_HEIGHT / 2:.0f}" width="{NODE_WIDTH:.0f}" '
        f'height="{NODE_HEIGHT:.0f}" rx="5"/>'
        f'<text class="label" y="-3">{escape(_short(node.label))}</text>'
        f'<text class="below" y="13">{escape(_short(node.below))}</text></g>'
    )


def _short(text: str) -> str:
    return text if len(text) <= _LETTERS else text[: _LETTERS - 1] + "…"
