"""Pictures as the JSON that Model Explorer opens (ai-edge-model-explorer: ``model-explorer FILE.json``)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from nnapi_core.artifact.artifact_graph import Picture, PictureNode

_COLOURS = {"nnapi": "#bfe8c8", "cpu": "#ffd3a3", "border": "#cfe0ff"}


def model_explorer_json(title: str, pictures: Sequence[Picture]) -> Iterator[str]:
    """A graph collection, of which the main graphs come first; in parts, since the whole may be long."""
    return object_with_list({"label": title}, "graphs", (_graph(one) for one in pictures))


def object_with_list(
    fields: Mapping[str, Any], key: str, items: Iterable[Iterable[str]]
) -> Iterator[str]:
    """A JSON object in parts: ``fields``, and under ``key`` a list of items, each in parts of JSON."""
    yield f"{json.dumps(fields)[:-1]}, {json.dumps(key)}: [\n"
    for number, item in enumerate(items):
        if number:
            yield ",\n"
        yield from item
    yield "]}"


def _graph(picture: Picture) -> Iterator[str]:
    nodes = ((json.dumps(_node(node)),) for node in picture.nodes)
    return object_with_list({"id": picture.name}, "nodes", nodes)


def _node(node: PictureNode) -> dict[str, Any]:
    return {
        "id": node.name,
        "label": node.label,
        "namespace": node.piece,
        "subgraphIds": list(node.submodels),
        "attrs": _pairs([("device", node.device), *node.details]),
        "incomingEdges": [
            {
                "sourceNodeId": edge.source,
                "sourceNodeOutputId": str(edge.result),
                "targetNodeInputId": str(position),
            }
            for position, edge in enumerate(node.reads)
        ],
        "inputsMetadata": [
            {"id": str(position), "attrs": _pairs([("operand", edge.operand)])}
            for position, edge in enumerate(node.reads)
        ],
        "outputsMetadata": [
            {"id": str(position), "attrs": _pairs([("tensor_shape", said)])}
            for position, said in enumerate(node.results)
        ],
        "style": {"backgroundColor": _COLOURS[node.device]},
    }


def _pairs(values: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values]
