"""The drawing of graphs: below what they read, without overlaps, and in a time that grows with the graph."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.report.page.graph_layout import NODE_HEIGHT, NODE_WIDTH, Layout, layered


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    """Shrinks towards few nodes without edges."""
    inputs: dict[str, list[str]] = {}
    for number in range(draw(st.integers(0, 40))):
        before = list(inputs)
        near = st.sampled_from(before[-4:]) | st.sampled_from(before) if before else st.nothing()
        inputs[f"n{number}"] = draw(st.lists(near, max_size=3)) if before else []
    return inputs


@given(graphs())
def test_nodes_stand_below_what_they_read_and_apart(inputs: dict[str, list[str]]) -> None:
    layout = layered(inputs)
    assert layout.places.keys() == inputs.keys()
    for name, sources in inputs.items():
        x, y = layout.places[name]
        assert NODE_WIDTH / 2 <= x <= layout.width - NODE_WIDTH / 2
        assert NODE_HEIGHT / 2 <= y <= layout.height - NODE_HEIGHT / 2
        for source in sources:
            assert layout.places[source][1] < y
            points = layout.edges[source, name]
            assert points[0][0] == layout.places[source][0]
            assert points[-1][0] == x
    apart(layout)


def apart(layout: Layout) -> None:
    rows: dict[float, list[float]] = {}
    for x, y in layout.places.values():
        rows.setdefault(y, []).append(x)
    for row in rows.values():
        for left, right in itertools.pairwise(sorted(row)):
            assert right - left >= NODE_WIDTH


def test_a_chain_is_straight() -> None:
    inputs = {f"n{i}": [f"n{i - 1}"] if i else [] for i in range(1000)}
    layout = layered(inputs)
    assert len({round(x) for x, _ in layout.places.values()}) == 1


def test_a_thousand_nodes_with_long_edges() -> None:
    inputs = {f"n{i}": [f"n{i - 1}", f"n{i // 2}", "n0"] if i else [] for i in range(1000)}
    apart(layered(inputs))
