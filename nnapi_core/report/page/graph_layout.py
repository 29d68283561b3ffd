"""Where the nodes of a graph are drawn: in layers, each below everything that it reads.

A node's layer is the length of the longest path to it. Edges that pass a few layers keep a place free in each, so that
they do not run through nodes; longer ones are drawn beside. Within a layer the order is that of the
neighbours' middles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import define, field, frozen

NODE_WIDTH, NODE_HEIGHT = 168.0, 40.0
_GAP_X, _GAP_Y = 24.0, 34.0
_LANE = 14.0
_MARGIN = 24.0
_SWEEPS = 6
# A longer edge would keep too many places free.
_LONGEST_KEPT = 16


@frozen
class Layout:
    """Middles of the nodes, the corners that each edge passes, and the size of it all."""

    places: dict[str, tuple[float, float]]
    edges: dict[tuple[str, str], list[tuple[float, float]]]
    width: float
    height: float


@define(eq=False)
class _Place:
    """A node, or the place that an edge keeps free in a layer that it passes."""

    layer: int
    width: float
    above: list[_Place] = field(factory=list)
    below: list[_Place] = field(factory=list)
    x: float = 0.0


def layered(inputs: Mapping[str, Sequence[str]]) -> Layout:
    """``inputs`` names what each node reads, in an order in which nodes come after what they read."""
    layers = _layers(inputs)
    places = {name: _Place(layer, NODE_WIDTH) for name, layer in layers.items()}
    rows: list[list[_Place]] = [[] for _ in range(max(layers.values(), default=-1) + 1)]
    for place in places.values():
        rows[place.layer].append(place)
    kept = {
        (source, name): _kept(places[source], places[name], rows)
        for name, sources in inputs.items()
        for source in dict.fromkeys(sources)
    }
    _order(rows)
    _align(rows)
    left = min((place.x - place.width / 2 for row in rows for place in row), default=0.0)
    for row in rows:
        for place in row:
            place.x += _MARGIN - left
    right = max((place.x + place.width / 2 for row in rows for place in row), default=_MARGIN)
    edges = {}
    lanes = 0
    for edge, passing in kept.items():
        source, target = places[edge[0]], places[edge[1]]
        if passing is None:
            # Beside everything, on a lane of its own; lanes are used again after a few.
            x = right + _LANE * (1 + lanes % 8)
            lanes += 1
            points = [(x, _y(source.layer + 1)), (x, _y(target.layer - 1))]
        else:
            points = [(place.x, _y(place.layer)) for place in passing]
        edges[edge] = [
            (source.x, _y(source.layer) + NODE_HEIGHT / 2),
            *points,
            (target.x, _y(target.layer) - NODE_HEIGHT / 2),
        ]
    width = right + _MARGIN + (_LANE * min(lanes, 8) if lanes else 0)
    height = _y(len(rows) - 1) + NODE_HEIGHT / 2 + _MARGIN if rows else 2 * _MARGIN
    return Layout(
        {name: (place.x, _y(place.layer)) for name, place in places.items()}, edges, width, height
    )


def _y(layer: int) -> float:
    return _MARGIN + NODE_HEIGHT / 2 + layer * (NODE_HEIGHT + _GAP_Y)


def _layers(inputs: Mapping[str, Sequence[str]]) -> dict[str, int]:
    layers: dict[str, int] = {}
    for name, sources in inputs.items():
        layers[name] = max((layers[source] + 1 for source in sources), default=0)
    # What reads nothing stands right above its first reader.
    first: dict[str, int] = {}
    for name, sources in inputs.items():
        for source in sources:
            first[source] = min(first.get(source, layers[name]), layers[name])
    for name, sources in inputs.items():
        if not sources and name in first:
            layers[name] = first[name] - 1
    return layers


def _kept(source: _Place, target: _Place, rows: list[list[_Place]]) -> list[_Place] | None:
    """Places in the layers between; None for an edge that is too long to keep any."""
    if target.layer - source.layer > _LONGEST_KEPT:
        return None
    chain = [source]
    for layer in range(source.layer + 1, target.layer):
        place = _Place(layer, _LANE)
        rows[layer].append(place)
        chain.append(place)
    for upper, lower in zip(chain, [*chain[1:], target], strict=True):
        upper.below.append(lower)
        lower.above.append(upper)
    return chain[1:]


def _order(rows: list[list[_Place]]) -> None:
    """Sorts each layer by the middles of its neighbours, downwards and upwards in turn."""
    for row in rows:
        _number(row)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            wanted = {id(place): _middle(place, down) for place in row}
            row.sort(key=lambda place: wanted[id(place)])
            _number(row)


def _number(row: list[_Place]) -> None:
    for number, place in enumerate(row):
        place.x = number - (len(row) - 1) / 2


def _middle(place: _Place, down: bool) -> float:
    near = place.above if down else place.below
    return sum(one.x for one in near) / len(near) if near else place.x


def _align(rows: list[list[_Place]]) -> None:
    """Gives each place the middle of its neighbours, as far as there is room, without changing the order."""
    for row in rows:
        for place in row:
            place.x *= NODE_WIDTH + _GAP_X
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            wanted = [_middle(place, down) for place in row]
            end = float("-inf")
            for place, x in zip(row, wanted, strict=True):
                place.x = max(x, end + _GAP_X + place.width / 2)
                end = place.x + place.width / 2
            # What was pushed to the right on the way goes back by the mean.
            back = sum(place.x - x for place, x in zip(row, wanted, strict=True)) / max(len(row), 1)
            for place in row:
                place.x -= back
